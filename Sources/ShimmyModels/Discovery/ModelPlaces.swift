import Foundation
import ShimmyJSON

/// A place where models lie, and how they are named there.
protocol ModelPlace {
    var source: ModelSource { get }
    var path: String { get }
    func records() -> [ModelRecord]
}

/// Shimmy's own models: what was put there by its name, what was fetched as `USER/REPO/FILE`.
struct ShimmyPlace: ModelPlace {
    let source = ModelSource.shimmy
    let path: String

    func records() -> [ModelRecord] {
        Folder(path: path).models().map { found in
            guard found.folders.count >= 2 else { return PlainPlace.record(found, source) }
            return RecordReader.record(found, id: RepositoryName.id(found.folders.prefix(2).joined(separator: "/"), found.name), source: source)
        }
    }
}

/// A folder of files that are called by their names.
struct PlainPlace: ModelPlace {
    let source: ModelSource
    let path: String

    func records() -> [ModelRecord] {
        Folder(path: path).models().map { Self.record($0, source) }
    }

    static func record(_ found: Folder.Found, _ source: ModelSource) -> ModelRecord {
        let folder = found.folders.last ?? (found.path as NSString).lastPathComponent
        return RecordReader.record(found, id: found.name?.stem ?? folder, source: source)
    }
}

/// LM Studio: `publisher/repository/file.gguf`.
struct LMStudioPlace: ModelPlace {
    let source = ModelSource.lmStudio
    let path: String

    /// Where it keeps models: its home, which a file beside it may move, its older home, and where its settings say.
    static func folders(home: String) -> [String] {
        let pointer = try? String(contentsOfFile: "\(home)/.lmstudio-home-pointer", encoding: .utf8)
        let own = pointer.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) } ?? "\(home)/.lmstudio"
        var folders = ["\(own)/models", "\(home)/.cache/lm-studio/models"]
        for settings in ["\(own)/settings.json", "\(home)/.cache/lm-studio/settings.json"] {
            guard let size = FileFacts(path: settings)?.sizeBytes, size <= 1 << 20, let data = FileManager.default.contents(atPath: settings) else {
                continue
            }
            if let folder = (try? JSON.parse([UInt8](data)))?["downloadsFolder"]?.stringValue, folder.hasPrefix("/") { folders.append(folder) }
        }
        var seen: Set<String> = []
        return folders.filter { seen.insert($0).inserted }
    }

    func records() -> [ModelRecord] {
        Folder(path: path).models().map { found in
            let repository = found.folders.prefix(2).joined(separator: "/")
            return RecordReader.record(found, id: RepositoryName.id(repository, found.name), source: source)
        }
    }
}

/// Hugging Face's cache: `models--USER--REPO/snapshots/REVISION/…`, links into `blobs`.
struct HuggingFacePlace: ModelPlace {
    var source = ModelSource.huggingFace
    let path: String

    func records() -> [ModelRecord] {
        let repositories = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { $0.hasPrefix("models--") }.sorted()
        return repositories.flatMap { folder -> [ModelRecord] in
            guard let snapshot = snapshot(of: "\(path)/\(folder)") else { return [] }
            let repository = folder.dropFirst("models--".count).split(separator: "--", maxSplits: 1).joined(separator: "/")
            return Folder(path: snapshot).models().map {
                RecordReader.record($0, id: RepositoryName.id(repository, $0.name), source: source)
            }
        }
    }

    /// The revision that `main` is at, else the newest one.
    private func snapshot(of repository: String) -> String? {
        let snapshots = "\(repository)/snapshots"
        if let main = try? String(contentsOfFile: "\(repository)/refs/main", encoding: .utf8) {
            let revision = main.filter { $0.isLetter || $0.isNumber }
            if FileManager.default.fileExists(atPath: "\(snapshots)/\(revision)") { return "\(snapshots)/\(revision)" }
        }
        let revisions = ((try? FileManager.default.contentsOfDirectory(atPath: snapshots)) ?? []).map { "\(snapshots)/\($0)" }
        return revisions.max { (FileFacts(path: $0)?.modified ?? 0, $0) < (FileFacts(path: $1)?.modified ?? 0, $1) }
    }
}

/// Names of models that belong to a repository: `user/repo:Q4_K_M`, or with the file's own name where it tells no quantization.
enum RepositoryName {
    /// - file: nil for the repository's own weights.
    static func id(_ repository: String, _ file: FileName?) -> String {
        guard let file else { return repository }
        if repository.isEmpty { return file.stem }
        return file.quantization.map { "\(repository):\($0)" } ?? "\(repository)/\(file.stem)"
    }
}
