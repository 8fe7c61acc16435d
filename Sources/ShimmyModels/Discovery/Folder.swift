import Foundation
import ShimmyConversion
import ShimmyFormats

/// A folder that is searched for GGUF files. The search groups the parts of split models, and also finds importance matrices in llama.cpp's older
/// format.
struct Folder {
    let path: String
    /// The max depth of the search. It ends the search of links back into the tree, and of deep trees that were not meant to be searched.
    private static let deepest = 8
    private static let mostEntries = 100_000
    private static let mostWatched = 4_000

    /// The files of one model.
    struct Found {
        /// The path of the file, or of the first part.
        let path: String
        let shards: [String]
        /// The parsed name of the file; nil for a folder of SafeTensors.
        let name: FileName?
        /// The names of the folders from the searched folder down to the file's folder.
        let folders: [String]
    }

    /// Returns all models in this folder and below, in the order of their paths. Skips everything that cannot be read.
    func models() -> [Found] {
        var found: [Found] = []
        var entries = 0
        var visited: Set<String> = []
        walk(path, [], &entries, &visited) { folder, folders, names in
            if HubFolder.isModel(names: names) { found.append(Found(path: folder, shards: [], name: nil, folders: folders)) }
        } file: { name, folder, folders in
            if let file = FileName(name, in: folders.last) {
                if let model = model(file, "\(folder)/\(name)", in: folder, folders) { found.append(model) }
            } else if let file = ImatrixFile.name(name), ImatrixFile.isOne("\(folder)/\(name)") {
                found.append(Found(path: "\(folder)/\(name)", shards: ["\(folder)/\(name)"], name: file, folders: folders))
            }
        }
        return found
    }

    /// Returns the files in this folder and below that have one of the names, with the folders that lead to each.
    func files(named wanted: Set<String>) -> [(path: String, folders: [String])] {
        var found: [(String, [String])] = []
        var entries = 0
        var visited: Set<String> = []
        walk(path, [], &entries, &visited) { _, _, _ in
        } file: { name, folder, folders in
            if wanted.contains(name) { found.append(("\(folder)/\(name)", folders)) }
        }
        return found
    }

    /// Returns this folder and the folders below it in which added and removed files matter by their names.
    func watchedFolders() -> [WatchedFolder] {
        var watched = [WatchedFolder(path: path)]
        var next = 0
        while next < watched.count, watched.count < Self.mostWatched {
            let folder = watched[next].path
            next += 1
            guard folder.dropFirst(path.count).count(where: { $0 == "/" }) < Self.deepest else { continue }
            for name in ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted() {
                // Folders of blobs are not watched: the files in them are named elsewhere, and those names appear after the blobs.
                guard !name.hasPrefix("."), name != "blobs" else { continue }
                var isDirectory = ObjCBool(false)
                let entry = "\(folder)/\(name)"
                guard FileManager.default.fileExists(atPath: entry, isDirectory: &isDirectory), isDirectory.boolValue else { continue }
                watched.append(WatchedFolder(path: entry))
            }
        }
        return watched
    }

    private func walk(
        _ folder: String, _ folders: [String], _ entries: inout Int, _ visited: inout Set<String>,
        folder visit: (_ path: String, _ folders: [String], _ names: [String]) -> Void,
        file: (_ name: String, _ folder: String, _ folders: [String]) -> Void
    ) {
        guard folders.count <= Self.deepest, visited.insert(FileFacts.realPath(folder)).inserted else { return }
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        visit(folder, folders, names)
        for name in names {
            entries += 1
            guard entries <= Self.mostEntries else { return }
            let entry = "\(folder)/\(name)"
            var isDirectory = ObjCBool(false)
            guard FileManager.default.fileExists(atPath: entry, isDirectory: &isDirectory) else { continue }
            if isDirectory.boolValue {
                if !name.hasPrefix(".") { walk(entry, folders + [name], &entries, &visited, folder: visit, file: file) }
            } else {
                file(name, folder, folders)
            }
        }
    }

    /// Returns the model of a file. A split model is returned only for the first of its existing parts; nil for the others.
    private func model(_ file: FileName, _ entry: String, in folder: String, _ folders: [String]) -> Found? {
        guard let part = file.part else { return Found(path: entry, shards: [entry], name: file, folders: folders) }
        let shards = file.shardNames(count: min(part.count, 10_000)).map { "\(folder)/\($0)" }
        guard shards.first(where: { FileManager.default.fileExists(atPath: $0) }) == entry else { return nil }
        return Found(path: shards[0], shards: shards, name: file, folders: folders)
    }
}
