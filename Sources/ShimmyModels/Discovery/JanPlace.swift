import Foundation
import ShimmyCore
import ShimmyFormats
import ShimmyJSON

/// Jan's models: a folder for each model, whose file is usually named `model.gguf`. A file beside it, or instead of it, states the name of the
/// model (`model.json`) or its path (`model.yml`), because imported models stay where they were.
struct JanPlace: ModelPlace {
    let source = ModelSource.jan
    let path: String
    /// Jan's data folder, to which paths in `model.yml` are relative.
    let data: String

    func records() -> [ModelRecord] {
        let described = Folder(path: path).files(named: ["model.yml", "model.json"]).compactMap(described)
        return described
            + Folder(path: path).models().map { found in
                let folder = found.folders.joined(separator: "/")
                let stem = found.name?.stem ?? ""
                let isNamedByFolder = !folder.isEmpty && (stem.isEmpty || stem == "model")
                return RecordReader.record(found, id: isNamedByFolder ? folder : stem, source: source)
            }
    }

    private func described(_ file: (path: String, folders: [String])) -> ModelRecord? {
        guard let data = RegularFile.read(file.path, limit: 1 << 20) else { return nil }
        let folder = (file.path as NSString).deletingLastPathComponent
        let named = file.folders.joined(separator: "/")
        var model: (path: String, id: String, projector: String?)?
        if file.path.hasSuffix(".json") {
            guard let json = try? JSON.parse(data), let name = json["sources"]?.arrayValue?.first?["filename"]?.stringValue,
                !name.contains("/")
            else { return nil }
            model = ("\(folder)/\(name)", json["id"]?.stringValue ?? named, nil)
        } else {
            let values = Self.values(String(decoding: data, as: UTF8.self))
            model = (values["model_path"] ?? values["files"]).map { (absolute($0), named, values["mmproj_path"].map(absolute)) }
        }
        guard let model, let name = FileName((model.path as NSString).lastPathComponent), !model.id.isEmpty else { return nil }
        guard FileManager.default.fileExists(atPath: model.path) else {
            return ModelRecord(
                id: model.id, path: model.path, source: source, kind: .unknown, sizeBytes: 0, modified: 0, shards: [],
                problem: "its file \(name.stem).gguf is missing")
        }
        var record = RecordReader.record(path: model.path, shards: [model.path], id: model.id, source: source)
        record.projector = model.projector.flatMap { FileManager.default.fileExists(atPath: $0) ? $0 : nil }
        return record
    }

    private func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(data)/\(path)" }

    /// Returns the top-level scalars of a YAML file, and the first element of each list.
    private static func values(_ yaml: String) -> [String: String] {
        var values: [String: String] = [:]
        var list: String?
        func plain(_ text: Substring) -> String { text.trimmingCharacters(in: .whitespaces.union(CharacterSet(charactersIn: "\"'"))) }
        for line in yaml.split(whereSeparator: \.isNewline) {
            if let key = list, let element = line.firstMatch(of: #/^\s*-\s+(.+)$/#) {
                if values[key] == nil { values[key] = plain(element.1) }
            } else if let pair = line.firstMatch(of: #/^([A-Za-z_]+):(.*)$/#) {
                let value = plain(pair.2)
                list = value.isEmpty ? String(pair.1) : nil
                if !value.isEmpty { values[String(pair.1)] = value }
            }
        }
        return values
    }
}
