import Foundation
import ShimmyJSON

/// What was fetched into a folder, by its hashes: so that a file that changed on the hub is fetched anew, and that files which Shimmy owns
/// can be told from others.
package struct PullManifest: Sendable, Equatable {
    /// Hashes by the files' paths within the folder.
    package private(set) var hashes: [String: String] = [:]

    package static let name = ".shimmy-pull.json"

    /// Empty where there is none that can be read.
    package static func read(in folder: String) -> PullManifest {
        var manifest = PullManifest()
        guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)"), let json = try? JSON.parse([UInt8](data)) else { return manifest }
        for (path, hash) in json["files"]?.objectValue ?? [:] { manifest.hashes[path] = hash.stringValue }
        return manifest
    }

    func has(_ file: HubFile, in folder: String) -> Bool {
        let facts = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(file.path)")
        return hashes[file.path] == file.hash.text && (facts?[.size] as? Int) == file.size
    }

    static func note(_ file: HubFile, in folder: String) throws(HubError) {
        var manifest = read(in: folder)
        manifest.hashes[file.path] = file.hash.text
        try manifest.write(in: folder)
    }

    /// Takes a file's entry out, and with the last one the manifest.
    package static func forget(_ path: String, in folder: String) throws(HubError) {
        var manifest = read(in: folder)
        manifest.hashes[path] = nil
        if manifest.hashes.isEmpty { try? FileManager.default.removeItem(atPath: "\(folder)/\(name)") } else { try manifest.write(in: folder) }
    }

    private func write(in folder: String) throws(HubError) {
        var files: JSONObject = [:]
        for (path, hash) in hashes.sorted(by: { $0.key < $1.key }) { files[path] = .string(hash) }
        do {
            try Data(JSON.object(["files": .object(files)]).serialized()).write(to: URL(fileURLWithPath: "\(folder)/\(Self.name)"), options: .atomic)
        } catch {
            throw .cannotWrite("\(folder)/\(Self.name)", reason: "\(error)")
        }
    }
}
