import Foundation
import ShimmyCore
import ShimmyJSON

/// llama.cpp's own cache: `USER_REPO_FILE.gguf`, with a manifest for each repository that shows which underscores are separators. Newer versions
/// use the layout of Hugging Face's cache.
struct LlamaCppPlace: ModelPlace {
    let source = ModelSource.llamaCpp
    let path: String

    func records() -> [ModelRecord] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let repositories = names.compactMap(Self.repository(ofManifest:))
        let flat = Folder(path: path).models().filter { $0.folders.first?.hasPrefix("models--") != true }
        return flat.map { found in
            RecordReader.record(found, id: id(of: found, repositories) ?? found.name?.stem ?? found.folders.last ?? path, source: source)
        } + HuggingFacePlace(source: source, path: path).records()
    }

    private func id(of found: Folder.Found, _ repositories: [String]) -> String? {
        let file = (found.path as NSString).lastPathComponent
        for repository in repositories {
            let prefix = repository.replacing("/", with: "_") + "_"
            guard file.hasPrefix(prefix), let name = FileName(String(file.dropFirst(prefix.count))) else { continue }
            return RepositoryName.id(repository, name)
        }
        return nil
    }

    /// Returns `USER/REPO` from `manifest=USER=REPO=TAG.json`, or nil for other names.
    private static func repository(ofManifest name: String) -> String? {
        let parts = name.split(separator: "=")
        return parts.count == 4 && parts[0] == "manifest" && name.hasSuffix(".json") ? "\(parts[1])/\(parts[2])" : nil
    }
}

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

/// GPT4All's models, which are in one folder that its settings may move.
enum GPT4All {
    static func folder(configuration: String) -> String? {
        guard let settings = RegularFile.text("\(configuration)/nomic.ai/GPT4All.ini", limit: 1 << 20) else { return nil }
        let line = settings.split(whereSeparator: \.isNewline).first { $0.hasPrefix("modelPath=") }
        return line.map { String($0.dropFirst("modelPath=".count)) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
    }
}

extension [ModelRecord] {
    /// Adds to each model the adapters of its architecture, those in its folder first. Whether an adapter fits is checked when the model is
    /// loaded.
    func withAdapters() -> [ModelRecord] {
        func folder(_ path: String) -> String { (path as NSString).deletingLastPathComponent }
        let adapters = Dictionary(grouping: filter { $0.kind == .adapter && $0.problem == nil }) { $0.architecture }
        return map { record in
            guard record.kind == .model, let found = adapters[record.architecture] else { return record }
            var record = record
            let beside = found.filter { folder($0.path) == folder(record.path) }
            record.adapters += (beside + found.filter { folder($0.path) != folder(record.path) }).map {
                LoRAAdapter(name: $0.id, path: $0.path, scale: 0, isRequired: false)
            }
            return record
        }
    }

    /// Adds to each model the projector in its folder, for images or audio. In a folder of several models, a projector that states the length of
    /// its embeddings belongs to the models with embeddings of that length. Older projectors state a different number there; a projector that
    /// matches no model of its folder belongs to all of them.
    func withProjectors() -> [ModelRecord] {
        func folder(_ record: ModelRecord) -> String { (record.path as NSString).deletingLastPathComponent }
        let models = Dictionary(grouping: filter { $0.kind == .model && !$0.isFolder }, by: folder)
        let lengths = models.mapValues { Set($0.compactMap(\.embeddingLength)) }
        let projectors = Dictionary(grouping: filter { $0.kind == .projector && $0.problem == nil }, by: folder)
        return map { record in
            guard record.kind == .model, !record.isFolder, record.projector == nil, let beside = projectors[folder(record)] else { return record }
            let suitable = beside.filter { projector in
                guard let length = projector.embeddingLength, lengths[folder(record)]?.contains(length) == true else { return true }
                return length == record.embeddingLength
            }
            var record = record
            // If there are several, the largest one is the most precise.
            record.projector = suitable.max { ($0.sizeBytes, $1.path) < ($1.sizeBytes, $0.path) }?.path
            return record
        }
    }
}
