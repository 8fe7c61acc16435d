import Foundation
import ShimmyCore
import ShimmyJSON

/// A file with a JSON object whose keys are names that users gave to models. Only the user of this process can read it.
struct NameFile: Sendable {
    let path: String
    /// The content in words, for error messages.
    let content: String
    /// The plural noun for the names, for error messages.
    let members: String
    /// The max size of the file in bytes.
    let limit: Int

    /// The max number of names.
    static let most = 1000
    /// The number of seconds to wait for another process that changes the file.
    private static let patience = 10
    private static let longestName = 200

    /// The form of a name, for error messages.
    static let form =
        "use letters, digits, '-', '_', '.', ':', '/', '@' and '+', with a letter or digit first, and parts between slashes that are neither empty "
        + "nor only dots"

    /// Returns whether a text can be the name of a model. An address such as `http://host/name` cannot.
    static func isName(_ text: String) -> Bool {
        guard text.utf8.count <= longestName, let first = text.first, first.isLetter || first.isNumber, !text.hasSuffix(":") else { return false }
        // Scalars, because a letter may have an invisible character attached to it.
        guard text.unicodeScalars.allSatisfy({ isAllowed($0) }) else { return false }
        return text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in part.contains { $0 != "." } }
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber, .letterNumber, .otherNumber,
            .nonspacingMark, .spacingMark:
            true
        default: "-_.:/@+".unicodeScalars.contains(scalar)
        }
    }

    /// Returns the content of the file; an empty object if it does not exist. Throws if the file is damaged, so that no caller overwrites it.
    func read() throws(AliasFile.Refusal) -> JSONObject {
        guard FileManager.default.fileExists(atPath: path) else { return [:] }
        guard let data = RegularFile.read(path, limit: limit), let object = (try? JSON.parse(data))?.objectValue else {
            throw AliasFile.Refusal("\(path) is damaged: it must be a JSON object of \(content)")
        }
        return object
    }

    /// Gives a name a value.
    /// - isReplaced: whether another name is removed at the same time.
    /// - problem: returns the reason why the file cannot have a new content; nil if it can.
    func set(
        _ name: String, to value: JSON, isReplaced: (String) -> Bool, problem: (JSONObject) -> String? = { _ in nil }
    ) throws(AliasFile.Refusal) {
        _ = try change { (all: inout JSONObject) throws(AliasFile.Refusal) -> Bool in
            for other in all.keys where other != name && isReplaced(other) { all[other] = nil }
            all[name] = value
            guard all.count <= Self.most else { throw AliasFile.Refusal("there are already \(Self.most) \(members), which is the max") }
            if let reason = problem(all) { throw AliasFile.Refusal(reason) }
            return true
        }
    }

    /// Removes a name. Returns whether the name existed.
    func remove(_ name: String) throws(AliasFile.Refusal) -> Bool {
        try change { (all: inout JSONObject) throws(AliasFile.Refusal) -> Bool in
            guard all[name] != nil else { return false }
            all[name] = nil
            return true
        }
    }

    /// Reads the file, changes its content and writes it, while no other thread or process does the same.
    /// - edit: returns whether it changed the content. If it throws, the file stays as it is.
    private func change(_ edit: (inout JSONObject) throws(AliasFile.Refusal) -> Bool) throws(AliasFile.Refusal) -> Bool {
        let folder = (path as NSString).deletingLastPathComponent
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .cannotWrite(path, "the folder cannot be created")
        }
        let isChanged = try FolderLock.hold(folder, seconds: Self.patience) { () throws(AliasFile.Refusal) -> Bool in
            var all = try read()
            guard try edit(&all) else { return false }
            try write(all)
            return true
        }
        guard let isChanged else { throw .cannotWrite(path, "another process is changing it") }
        return isChanged
    }

    /// Removes the unfinished files that killed processes left behind.
    func clean() {
        let (folder, name) = ((path as NSString).deletingLastPathComponent, (path as NSString).lastPathComponent)
        // No other thread or process writes such a file while this thread has the lock.
        _ = FolderLock.hold(folder, seconds: Self.patience) {
            for entry in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            where entry.hasPrefix("\(name).") && entry.hasSuffix(".partial") {
                try? FileManager.default.removeItem(atPath: "\(folder)/\(entry)")
            }
        }
    }

    private func write(_ all: JSONObject) throws(AliasFile.Refusal) {
        let bytes = Array((JSON.object(all).pretty() + "\n").utf8)
        guard bytes.count <= limit else { throw AliasFile.Refusal("\(path) would have more than \(limit) bytes, which is the max") }
        do {
            try AtomicFile.replace(path, with: bytes, permissions: 0o600)
        } catch {
            throw .cannotWrite(path, error.description)
        }
    }
}
