import Foundation
import ShimmyCore
import ShimmyJSON

/// A file with a JSON object whose keys are names that users gave to models. Only the user of this process can read it.
struct NameFile: Sendable {
    let path: String
    /// The content in words, for error messages.
    let content: String
    /// The plural of what a name is, for error messages.
    let members: String
    /// The max size of the file in bytes.
    let limit: Int

    private static let most = 1000
    private static let longestName = 200

    /// Returns whether a text can be the name of a model.
    static func isName(_ text: String) -> Bool {
        text.utf8.count <= longestName && text.allSatisfy { $0.isLetter || $0.isNumber || "-_.:/@+".contains($0) }
            && text.first.map { $0.isLetter || $0.isNumber } ?? false
    }

    /// Returns the content of the file; an empty object if it does not exist. Throws if the file is damaged, so that no caller overwrites it.
    func read() throws(AliasFile.Refusal) -> JSONObject {
        guard FileManager.default.fileExists(atPath: path) else { return [:] }
        guard let data = RegularFile.read(path, limit: limit), let object = (try? JSON.parse(data))?.objectValue else {
            throw AliasFile.Refusal(description: "\(path) is damaged: it must be a JSON object of \(content)")
        }
        return object
    }

    /// Gives a name a value.
    func set(_ name: String, to value: JSON) throws(AliasFile.Refusal) {
        var all = try read()
        all[name] = value
        guard all.count <= Self.most else { throw AliasFile.Refusal(description: "there are already \(Self.most) \(members), which is the max") }
        try write(all)
    }

    /// Removes a name. Returns whether the name existed.
    func remove(_ name: String) throws(AliasFile.Refusal) -> Bool {
        var all = try read()
        guard all[name] != nil else { return false }
        all[name] = nil
        try write(all)
        return true
    }

    private func write(_ all: JSONObject) throws(AliasFile.Refusal) {
        let bytes = Array((JSON.object(all).pretty() + "\n").utf8)
        guard bytes.count <= limit else { throw AliasFile.Refusal(description: "\(path) would have more than \(limit) bytes, which is the max") }
        do {
            try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try AtomicFile.replace(path, with: bytes, permissions: 0o600)
        } catch {
            throw AliasFile.Refusal(description: "\(path) cannot be written")
        }
    }
}
