import Foundation
import ShimmyConversion

/// The models of one look at the disk, and how names lead to them.
package struct ModelCatalog: Sendable {
    /// Sorted by name.
    package let records: [ModelRecord]

    package init(records: [ModelRecord]) { self.records = records.sorted { $0.id < $1.id } }

    /// The model that a name means. Names are forgiving as long as only one model can be meant:
    /// 1. the exact name, 2. another case, 3. with or without `:latest`, or with `hf.co/` before it,
    /// 4. without the quantization, 5. the last part of the name alone.
    package func resolve(_ name: String) -> ModelRecord? {
        if let exact = records.first(where: { $0.id == name }) { return exact }
        let wanted = Self.normalized(name)
        guard !wanted.isEmpty else { return nil }
        let ways: [(ModelRecord) -> Bool] = [
            { Self.normalized($0.id) == wanted },
            { Self.withoutQuantization($0) == wanted },
            { Self.lastPart(Self.normalized($0.id)) == wanted || Self.lastPart(Self.withoutQuantization($0)) == wanted },
        ]
        for way in ways {
            let found = records.filter(way)
            // A file that cannot be used does not stand in the way of one that can.
            let candidates = found.count > 1 ? found.filter(\.isLoadable) : found
            if candidates.count == 1 { return candidates[0] }
            if found.count > 1 { return nil }
        }
        return nil
    }

    /// The record of a GGUF file by its path; nil when there is no such file. Only for paths from the command line and the
    /// environment: a client's words must never open a file.
    package static func record(forFile path: String) -> ModelRecord? {
        if let names = try? FileManager.default.contentsOfDirectory(atPath: path), HubFolder.isModel(names: names) {
            return RecordReader.record(folder: path, id: URL(fileURLWithPath: path).lastPathComponent, source: .file)
        }
        guard FileManager.default.fileExists(atPath: path), let name = FileName((path as NSString).lastPathComponent) else { return nil }
        let folder = (path as NSString).deletingLastPathComponent
        let shards = name.part.map { name.shardNames(count: $0.count).map { folder.isEmpty ? $0 : "\(folder)/\($0)" } } ?? [path]
        return RecordReader.record(path: shards[0], shards: shards, id: name.stem, source: .file)
    }

    private static func normalized(_ name: String) -> String {
        var name = name.lowercased()
        for prefix in ["hf.co/", "huggingface.co/"] where name.hasPrefix(prefix) { name.removeFirst(prefix.count) }
        if name.hasSuffix(":latest") { name.removeLast(":latest".count) }
        return name
    }

    private static func withoutQuantization(_ record: ModelRecord) -> String {
        let id = normalized(record.id)
        guard let quantization = record.quantization?.lowercased() else { return id }
        for separator in [":", ".", "-"] where id.hasSuffix(separator + quantization) { return String(id.dropLast(quantization.count + 1)) }
        return id
    }

    private static func lastPart(_ id: String) -> String { id.split(separator: "/").last.map(String.init) ?? id }
}
