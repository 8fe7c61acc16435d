import Foundation
import ShimmyCore
import ShimmyJSON

/// A folder that contains models, and the rules for their names.
protocol ModelPlace {
    var source: ModelSource { get }
    var path: String { get }
    func records() -> [ModelRecord]
}

/// Shimmy's own models. Files that the user put there keep their names; downloads are stored as `USER/REPO/FILE`.
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

/// A folder whose models are named after their files.
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

    /// Returns the folders in which LM Studio keeps models: its home, which a pointer file may move, its older home, and the folder in its
    /// settings.
    static func folders(home: String) -> [String] {
        let pointer = RegularFile.text("\(home)/.lmstudio-home-pointer", limit: 4096)
        let own = pointer.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) } ?? "\(home)/.lmstudio"
        var folders = ["\(own)/models", "\(home)/.cache/lm-studio/models"]
        for settings in ["\(own)/settings.json", "\(home)/.cache/lm-studio/settings.json"] {
            guard let data = RegularFile.read(settings, limit: 1 << 20) else { continue }
            if let folder = (try? JSON.parse(data))?["downloadsFolder"]?.stringValue, folder.hasPrefix("/") { folders.append(folder) }
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

/// Hugging Face's cache: `models--USER--REPO/snapshots/REVISION/…`, with links into `blobs`. A snapshot contains what was downloaded while the
/// repository was at that revision, so the files of one repository may be spread over several snapshots.
struct HuggingFacePlace: ModelPlace {
    var source = ModelSource.huggingFace
    let path: String

    func records() -> [ModelRecord] {
        let repositories = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { $0.hasPrefix("models--") }.sorted()
        return repositories.flatMap(records(of:))
    }

    /// Returns the models of all snapshots, each file name once: the file of the first snapshot, or the first file without a problem.
    private func records(of folder: String) -> [ModelRecord] {
        let repository = folder.dropFirst("models--".count).split(separator: "--", maxSplits: 1).joined(separator: "/")
        var records: [ModelRecord] = []
        var places: [Substring: Int] = [:]
        for snapshot in snapshots(of: "\(path)/\(folder)") {
            for found in Folder(path: snapshot).models() {
                let place = places[found.path.dropFirst(snapshot.count)]
                if let place, records[place].problem == nil { continue }
                let record = RecordReader.record(found, id: RepositoryName.id(repository, found.name), source: source)
                if let place {
                    if record.problem == nil { records[place] = record }
                } else {
                    places[found.path.dropFirst(snapshot.count)] = records.count
                    records.append(record)
                }
            }
        }
        return records
    }

    /// Returns the paths of the snapshots: the revision of `main` first, then the others from newest to oldest.
    private func snapshots(of repository: String) -> [String] {
        let main = RegularFile.text("\(repository)/refs/main", limit: 4096)?.filter { $0.isLetter || $0.isNumber }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(repository)/snapshots")) ?? []
        let revisions = names.map { name in
            let path = "\(repository)/snapshots/\(name)"
            return (path: path, rank: name == main ? 1 : 0, modified: FileFacts(path: path)?.modified ?? 0)
        }
        return revisions.sorted { ($0.rank, $0.modified, $0.path) > ($1.rank, $1.modified, $1.path) }.map(\.path)
    }
}

/// The names of models that belong to a repository: `user/repo:Q4_K_M`, or with the file's name if that does not state a quantization.
enum RepositoryName {
    /// - file: nil for the repository's own weights (SafeTensors).
    static func id(_ repository: String, _ file: FileName?) -> String {
        guard let file else { return repository }
        if repository.isEmpty { return file.stem }
        return file.quantization.map { "\(repository):\($0)" } ?? "\(repository)/\(file.stem)"
    }
}
