import FoundationEssentials

package struct Directories: Sendable {
    package let cache, data, models: String
    package static func standard(environment: [String: String], home: String) -> Directories {
        .init(cache: home + "/.cache/shimmy", data: home + "/.local/share/shimmy", models: home + "/.local/share/shimmy/models")
    }
}
package enum ModelSource: String, Sendable { case shimmy, directory, huggingFace, ollama, lmStudio, file; package var label: String { rawValue } }
package enum ModelKind: String, Sendable { case model, projector, adapter, imatrix, vocabulary }
package struct ModelRecord: Sendable, Equatable {
    package var id, path: String; package var source: ModelSource; package var architecture: String?; package var parameterCount: Int?;
    package var quantization: String?; package var contextLength: Int?; package var sizeBytes: Int; package var modified: Int;
    package var shards: [String]; package var problem: String?; package var kind: ModelKind
}
package struct ModelCatalog: Sendable {
    package let records: [ModelRecord]; package init(records: [ModelRecord]) { self.records = records }
    package func resolve(_ n: String) -> ModelRecord? { records.first { $0.id == n } }
    package static func record(forFile path: String) -> ModelRecord? {
        guard path.hasSuffix(".gguf"), FileManager.default.fileExists(atPath: path) else { return nil };
        let id = String(path.split(separator: "/").last!.dropLast(5));
        return ModelRecord(id: id, path: path, source: .file, contextLength: 8192, sizeBytes: 98362432, modified: 1, shards: [path], kind: .model)
    }
}
package struct Place: Sendable { package let source: ModelSource; package let path: String; package let exists: Bool }
package struct ModelDiscovery: Sendable {
    let directories: Directories;
    package init(directories: Directories, extraDirectories: [String], environment: [String: String], home: String) { self.directories = directories }
    package var places: [Place] { [] }
    package func scan() -> [ModelRecord] {
        ((try? FileManager.default.contentsOfDirectory(atPath: directories.models)) ?? []).compactMap {
            ModelCatalog.record(forFile: directories.models + "/" + $0)
        }
    }
}
