import Foundation
import ShimmyCore
import ShimmyJSON

/// The aliases that users create with commands, stored in one file: `{"NAME": "MODEL", …}`. A running server reads the file on each scan of the
/// disk, and scans again when the file changes.
package struct AliasFile: Sendable {
    package struct Refusal: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    package let path: String
    private static let largestFile = 1 << 20
    private static let most = 1000
    private static let longestName = 200

    /// - directory: Shimmy's data directory.
    package init(directory: String) { path = directory + "/aliases.json" }

    /// Model names by alias. Empty if the file does not exist or cannot be read.
    package var aliases: [String: String] {
        guard let json = try? read() else { return [:] }
        return Dictionary(json.compactMap { name, model in model.stringValue.map { (name, $0) } }, uniquingKeysWith: { $1 })
    }

    package func set(_ name: String, to model: String) throws(Refusal) {
        let isName =
            name.allSatisfy { $0.isLetter || $0.isNumber || "-_.:/@+".contains($0) } && name.first.map { $0.isLetter || $0.isNumber } ?? false
        guard isName, name.utf8.count <= Self.longestName else {
            throw Refusal(
                description: "'\(name)' is not a valid alias; use letters, digits, '-', '_', '.', ':', '/', '@' and '+', with a letter or digit "
                    + "first")
        }
        var all = try read()
        all[name] = .string(model)
        guard all.count <= Self.most else { throw Refusal(description: "there are already \(Self.most) aliases, which is the max") }
        try write(all)
    }

    /// Removes an alias. Returns whether the alias existed.
    package func remove(_ name: String) throws(Refusal) -> Bool {
        var all = try read()
        guard all[name] != nil else { return false }
        all[name] = nil
        try write(all)
        return true
    }

    /// Returns the content of the file. Throws if the file is damaged, so that no caller overwrites it.
    private func read() throws(Refusal) -> JSONObject {
        guard FileManager.default.fileExists(atPath: path) else { return [:] }
        guard let data = RegularFile.read(path, limit: Self.largestFile), let object = (try? JSON.parse(data))?.objectValue else {
            throw Refusal(description: "\(path) is damaged: it must be a JSON object of aliases and model names")
        }
        return object
    }

    private func write(_ all: JSONObject) throws(Refusal) {
        do {
            try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data((JSON.object(all).pretty() + "\n").utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw Refusal(description: "\(path) cannot be written")
        }
    }
}
