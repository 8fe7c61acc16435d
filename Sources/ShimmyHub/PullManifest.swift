import Foundation
import ShimmyCore
import ShimmyJSON

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What was fetched into a folder, by its hashes: so that a file that changed on the hub is fetched anew, and that files which Shimmy owns
/// can be told from others.
package struct PullManifest: Sendable, Equatable {
    /// Hashes by the files' paths within the folder.
    package private(set) var hashes: [String: String] = [:]

    package static let name = ".shimmy-pull.json"
    private static let largestFile = 16 << 20

    /// Empty where there is none that can be read.
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

    /// Takes a file's entry out, and with the last one the manifest.
    package static func forget(_ path: String, in folder: String) throws(HubError) {
        try change(in: folder) { $0[path] = nil }
    }

    /// One writer at a time: pulls of one repository note their files side by side. The folder itself is locked, so that nothing is left behind;
    /// where folders cannot be, as on some network file systems, it goes without.
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
