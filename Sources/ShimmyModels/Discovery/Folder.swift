import Foundation
import ShimmyConversion

/// Walks a folder for GGUF files and groups the parts of split models; importance matrices in llama.cpp's older format are found too.
struct Folder {
    let path: String
    /// Links back into the tree end here, as do folders that nobody meant to be searched.
    private static let deepest = 8
    private static let mostEntries = 100_000
    private static let mostWatched = 4_000

    /// A model's files.
    struct Found {
        /// The file, or the first part.
        let path: String
        let shards: [String]
        /// Of a file; nil for a folder of SafeTensors.
        let name: FileName?
        /// The folders from the searched one down to the file's.
        let folders: [String]
    }

    /// All models below, in the order of their paths. What cannot be read is skipped.
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

    /// The files below that are called so, with the folders that lead to each.
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

    /// This folder and those below it in which files come and go that matter by their names.
    func watchedFolders() -> [WatchedFolder] {
        var watched = [WatchedFolder(path: path)]
        var next = 0
        while next < watched.count, watched.count < Self.mostWatched {
            let folder = watched[next].path
            next += 1
            guard folder.dropFirst(path.count).count(where: { $0 == "/" }) < Self.deepest else { continue }
            for name in ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted() {
                // What lies in folders of blobs has its names elsewhere, and these come last.
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

    /// A split model is found at the first of its parts that is there.
    private func model(_ file: FileName, _ entry: String, in folder: String, _ folders: [String]) -> Found? {
        guard let part = file.part else { return Found(path: entry, shards: [entry], name: file, folders: folders) }
        let shards = file.shardNames(count: min(part.count, 10_000)).map { "\(folder)/\($0)" }
        guard shards.first(where: { FileManager.default.fileExists(atPath: $0) }) == entry else { return nil }
        return Found(path: shards[0], shards: shards, name: file, folders: folders)
    }
}
