import Foundation
import ShimmyCore
import ShimmyJSON

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The hashes of the files that were downloaded into a folder, and the pulls that are not complete. If a file changed on the hub, it is downloaded
/// again. The manifest also distinguishes files that Shimmy owns from others.
package struct PullManifest: Sendable, Equatable {
    /// Hashes by the files' paths in the folder.
    package private(set) var hashes: [String: String] = [:]
    /// The pulls that have begun and are not complete, by the addresses that continue them.
    package private(set) var pulls: [String: UnfinishedPull] = [:]

    package static let name = ".shimmy-pull.json"
    private static let largestFile = 16 << 20

    /// Reads the manifest; returns an empty one if it does not exist or cannot be read.
    package static func read(in folder: String) -> PullManifest {
        var manifest = PullManifest()
        guard let data = RegularFile.read("\(folder)/\(name)", limit: largestFile), let json = try? JSON.parse(data) else { return manifest }
        for (path, hash) in json["files"]?.objectValue ?? [:] { manifest.hashes[path] = hash.stringValue }
        for (address, pull) in json["pulls"]?.objectValue ?? [:] where manifest.pulls.count < UnfinishedPull.most {
            manifest.pulls[address] = UnfinishedPull(pull)
        }
        return manifest
    }

    func has(_ file: HubFile, in folder: String) -> Bool {
        let facts = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(file.path)")
        return hashes[file.path] == file.hash.text && (facts?[.size] as? Int) == file.size
    }

    package static func note(_ file: HubFile, in folder: String) throws(HubError) {
        try change(in: folder) { $0.hashes[file.path] = file.hash.text }
    }

    /// Removes a file's entry. Without entries, the manifest is deleted.
    package static func forget(_ path: String, in folder: String) throws(HubError) {
        try change(in: folder) { $0.hashes[path] = nil }
    }

    /// Records that a pull begins, or begins again.
    /// - address: the address that continues the pull.
    package static func begin(_ pull: UnfinishedPull, _ address: String, in folder: String) throws(HubError) {
        try change(in: folder) { manifest in
            guard manifest.pulls.count < UnfinishedPull.most || manifest.pulls[address] != nil else { return }
            manifest.pulls[address] = manifest.pulls[address]?.resumed(with: pull) ?? pull
        }
    }

    /// Removes the entry of a pull that is complete or deleted.
    package static func end(_ address: String, in folder: String) throws(HubError) {
        try change(in: folder) { $0.pulls[address] = nil }
    }

    /// Changes the manifest under a lock, because parallel pulls of one repository write to it. It locks the folder itself, so that no lock
    /// file remains. On network file systems that cannot lock folders, it works without a lock.
    private static func change(in folder: String, _ edit: (inout PullManifest) -> Void) throws(HubError) {
        let lock = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        defer { if lock >= 0 { close(lock) } }
        while flock(lock, LOCK_EX) != 0, errno == EINTR {}
        var manifest = read(in: folder)
        let before = manifest
        edit(&manifest)
        if manifest == before { return }
        try manifest.write(in: folder)
    }

    private func write(in folder: String) throws(HubError) {
        if hashes.isEmpty, pulls.isEmpty {
            try? FileManager.default.removeItem(atPath: "\(folder)/\(Self.name)")
            return
        }
        var files: JSONObject = [:]
        for (path, hash) in hashes.sorted(by: { $0.key < $1.key }) { files[path] = .string(hash) }
        var content: JSONObject = ["files": .object(files)]
        if !pulls.isEmpty {
            var unfinished: JSONObject = [:]
            for (address, pull) in pulls.sorted(by: { $0.key < $1.key }) { unfinished[address] = pull.json }
            content["pulls"] = .object(unfinished)
        }
        do {
            try Data(JSON.object(content).serialized()).write(to: URL(fileURLWithPath: "\(folder)/\(Self.name)"), options: .atomic)
        } catch {
            throw .cannotWrite("\(folder)/\(Self.name)", reason: "\(error)")
        }
    }
}
