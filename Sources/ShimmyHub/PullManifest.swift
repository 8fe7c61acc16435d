import Foundation
import ShimmyCore
import ShimmyJSON

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The hashes of the files that were downloaded into a folder. If a file changed on the hub, it is downloaded again. The manifest also
/// distinguishes files that Shimmy owns from others.
package struct PullManifest: Sendable, Equatable {
    /// Hashes by the files' paths in the folder.
    package private(set) var hashes: [String: String] = [:]

    package static let name = ".shimmy-pull.json"
    private static let largestFile = 16 << 20

    /// Reads the manifest; returns an empty one if it does not exist or cannot be read.
    package static func read(in folder: String) -> PullManifest {
        var manifest = PullManifest()
        guard let data = RegularFile.read("\(folder)/\(name)", limit: largestFile), let json = try? JSON.parse(data) else { return manifest }
        for (path, hash) in json["files"]?.objectValue ?? [:] { manifest.hashes[path] = hash.stringValue }
        return manifest
    }

    func has(_ file: HubFile, in folder: String) -> Bool {
        let facts = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(file.path)")
        return hashes[file.path] == file.hash.text && (facts?[.size] as? Int) == file.size
    }

    package static func note(_ file: HubFile, in folder: String) throws(HubError) {
        try change(in: folder) { $0[file.path] = file.hash.text }
    }

    /// Removes a file's entry. Without entries, the manifest is deleted.
    package static func forget(_ path: String, in folder: String) throws(HubError) {
        try change(in: folder) { $0[path] = nil }
    }

    /// Changes the manifest under a lock, because parallel pulls of one repository write to it. It locks the folder itself, so that no lock
    /// file remains. On network file systems that cannot lock folders, it works without a lock.
    private static func change(in folder: String, _ edit: (inout [String: String]) -> Void) throws(HubError) {
        let lock = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        defer { if lock >= 0 { close(lock) } }
        while flock(lock, LOCK_EX) != 0, errno == EINTR {}
        var manifest = read(in: folder)
        edit(&manifest.hashes)
        try manifest.write(in: folder)
    }

    private func write(in folder: String) throws(HubError) {
        if hashes.isEmpty {
            try? FileManager.default.removeItem(atPath: "\(folder)/\(Self.name)")
            return
        }
        var files: JSONObject = [:]
        for (path, hash) in hashes.sorted(by: { $0.key < $1.key }) { files[path] = .string(hash) }
        do {
            try Data(JSON.object(["files": .object(files)]).serialized()).write(to: URL(fileURLWithPath: "\(folder)/\(Self.name)"), options: .atomic)
        } catch {
            throw .cannotWrite("\(folder)/\(Self.name)", reason: "\(error)")
        }
    }
}
