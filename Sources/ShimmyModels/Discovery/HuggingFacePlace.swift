import Foundation
import ShimmyCore

/// Hugging Face's cache: `models--USER--REPO/snapshots/REVISION/…`, with links into `blobs`. A snapshot contains the files that were downloaded while
/// the repository was at that revision, so the files of one repository may be spread over several snapshots.
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
