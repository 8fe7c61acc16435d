import Foundation

/// llama.cpp's own cache: `USER_REPO_FILE.gguf`, with a manifest for each repository that says where the underscores are.
struct LlamaCppPlace: ModelPlace {
    let source = ModelSource.llamaCpp
    let path: String

    func records() -> [ModelRecord] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let repositories = names.compactMap(Self.repository(ofManifest:))
        return Folder(path: path).models().map { found in
            RecordReader.record(found, id: id(of: found, repositories) ?? found.name?.stem ?? found.folders.last ?? path, source: source)
        }
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

    /// `USER/REPO` of `manifest=USER=REPO=TAG.json`.
    private static func repository(ofManifest name: String) -> String? {
        let parts = name.split(separator: "=")
        return parts.count == 4 && parts[0] == "manifest" && name.hasSuffix(".json") ? "\(parts[1])/\(parts[2])" : nil
    }
}

/// Jan: a folder for each model, whose file is mostly called `model.gguf`.
struct JanPlace: ModelPlace {
    let source = ModelSource.jan
    let path: String

    func records() -> [ModelRecord] {
        Folder(path: path).models().map { found in
            let folder = found.folders.joined(separator: "/")
            let stem = found.name?.stem ?? ""
            let isNamedByFolder = !folder.isEmpty && (stem.isEmpty || stem == "model")
            return RecordReader.record(found, id: isNamedByFolder ? folder : stem, source: source)
        }
    }
}

extension [ModelRecord] {
    /// Offers each model the adapters of its architecture, those beside it first. Whether one fits is found when the model is loaded.
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

    /// Gives each model the projector that lies beside it: what makes it see or hear.
    func withProjectors() -> [ModelRecord] {
        func folder(_ path: String) -> String { (path as NSString).deletingLastPathComponent }
        // The most exact one of a folder, where there are several.
        let projectors = Dictionary(grouping: filter { $0.kind == .projector && $0.problem == nil }) { folder($0.path) }
            .compactMapValues { $0.max { ($0.sizeBytes, $1.path) < ($1.sizeBytes, $0.path) }?.path }
        return map { record in
            var record = record
            if record.kind == .model, !record.isFolder, record.projector == nil { record.projector = projectors[folder(record.path)] }
            return record
        }
    }
}
