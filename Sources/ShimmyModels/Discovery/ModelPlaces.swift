import Foundation
import ShimmyCore
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

/// Hugging Face's cache: `models--USER--REPO/snapshots/REVISION/…`, links into `blobs`. A snapshot has what was fetched while the repository was
/// at that revision, so that one repository's files may lie in several.
struct HuggingFacePlace: ModelPlace {
    var source = ModelSource.huggingFace
    let path: String

    func records() -> [ModelRecord] {
        let repositories = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { $0.hasPrefix("models--") }.sorted()
        return repositories.flatMap(records(of:))
    }

    /// The models of all snapshots, each file's name once: as the first snapshot has it, or the first that has it whole.
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

    /// The revision that `main` is at comes first, then the newer ones before the older ones.
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

/// Names of models that belong to a repository: `user/repo:Q4_K_M`, or with the file's own name where it tells no quantization.
enum RepositoryName {
    /// - file: nil for the repository's own weights.
    static func id(_ repository: String, _ file: FileName?) -> String {
        guard let file else { return repository }
        if repository.isEmpty { return file.stem }
        return file.quantization.map { "\(repository):\($0)" } ?? "\(repository)/\(file.stem)"
    }
}
