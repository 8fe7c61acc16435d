import Dispatch
import Foundation
package import Logging
import ShimmyCore
import Synchronization

/// A directory of stored prefixes, for all models of the process. Other processes may use it too.
///
/// What lies there is what is listed there, whoever wrote it: the bound holds for all models and builds together, and beyond it the files go
/// that were used least recently. Reading and writing have a queue each, so that whoever waits for a prefix does not wait for what others
/// leave behind. Whoever only asks what there is touches no disk.
package final class PrefixFolder: Sendable {
    private struct State {
        var index = PrefixIndex()
        /// Bytes that wait to be written.
        var pending = 0
    }

    private struct File {
        let name: String
        let bytes: Int
        let lastUse: Date
    }

    private let state = Mutex(State())
    private let directory: String
    private let limit: Int
    private let memory: Int
    private let logger: Logger
    private let reader: PrefixReader
    private let writing = DispatchQueue(label: "prefixes.write", qos: .utility)

    /// Seconds after which nobody goes on with a file that is not whole.
    private static let patience = 3600.0

    /// - limit: bytes of all files together.
    /// - memory: bytes that are held of prefixes that were read, until their sequences start, and as many of those that wait for a slow disk.
    package init(path: String, limit: Int, memory: Int = 512 << 20, logger: Logger) {
        directory = path
        self.limit = limit
        self.memory = memory
        self.logger = logger
        reader = PrefixReader(limit: memory)
    }

    /// Bytes of prefixes that were read and that somebody still holds.
    package var heldBytes: Int { reader.heldBytes }

    // MARK: Asking

    func longestMatch(_ tokens: [Token], _ key: PrefixKey, partially: Bool) -> PrefixMatch? {
        state.withLock { $0.index.longestMatch(tokens, key, partially: partially) }
    }

    func contains(_ tokens: [Token], _ key: PrefixKey) -> Bool {
        let name = PrefixFile.name(of: tokens, key)
        return state.withLock { $0.index.contains(name, key) }
    }

    /// Whether the disk keeps up with what is written.
    var hasRoom: Bool { state.withLock { $0.pending < memory } }

    // MARK: Reading

    /// Learns which prefixes of a model earlier processes left. Throws when the directory cannot be made.
    func learn(_ identity: UInt64) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let beginning = PrefixFile.beginning(ofNamesOf: identity)
        for file in files(where: { $0.hasPrefix(beginning) && PrefixFile.isName($0) }) { learn(file) }
        writing.async { [self] in tidy() }
    }

    private func learn(_ file: File) {
        // A file without blocks on the disk can claim any length, and is read as a whole.
        guard file.bytes <= limit else { return remove(file.name) }
        guard let handle = FileHandle(forReadingAtPath: path(of: file.name)) else { return }
        defer { try? handle.close() }
        guard let (tokens, key) = PrefixFile.readTokens(handle), PrefixFile.name(of: tokens, key) == file.name else { return remove(file.name) }
        state.withLock { $0.index.insert(file.name, key, tokens: tokens, bytes: file.bytes) }
    }

    /// Delivers nil for what is damaged or gone, and where too much is held already.
    func read(_ match: PrefixMatch, then deliver: @escaping PrefixReader.Delivery) {
        reader.read(match.name, bytes: match.bytes, load: { [self] in load(match) }, then: deliver)
    }

    private func load(_ match: PrefixMatch) -> StoredPrefix? {
        guard let file = FileHandle(forReadingAtPath: path(of: match.name)) else {
            // Another process needed the room.
            state.withLock { $0.index.remove(match.name, match.key) }
            return nil
        }
        defer { try? file.close() }
        guard let prefix = PrefixFile.read(file, of: match.key) else {
            logger.warning("a stored prefix is damaged and is thrown away", metadata: ["file": "\(match.name)"])
            state.withLock { $0.index.remove(match.name, match.key) }
            remove(match.name)
            return nil
        }
        touch(match.name)
        return prefix
    }

    // MARK: Writing

    /// Writes a prefix, in its own time. Where prefixes are used in part, those that it begins with are not needed any more.
    func write(_ prefix: StoredPrefix, _ key: PrefixKey, partially: Bool) {
        let size = PrefixFile.size(of: prefix)
        guard size <= limit else { return }
        state.withLock { $0.pending += size }
        writing.async { [self] in
            keep(prefix, key, partially: partially)
            state.withLock { $0.pending -= size }
        }
    }

    private func keep(_ prefix: StoredPrefix, _ key: PrefixKey, partially: Bool) {
        let name = PrefixFile.name(of: prefix.tokens, key)
        do {
            try PrefixFile.write(prefix, of: key, to: path(of: name))
        } catch {
            logger.warning("a prefix could not be stored", metadata: ["error": "\(error)"])
            return
        }
        // File systems count time in larger steps.
        touch(name)
        let covered = state.withLock { state in
            state.index.insert(name, key, tokens: prefix.tokens, bytes: PrefixFile.size(of: prefix))
            return partially ? state.index.names(coveredBy: prefix.tokens, key, except: name) : []
        }
        for name in covered { remove(name) }
        tidy()
    }

    /// Waits until everything is written.
    func flush() { writing.sync {} }

    // MARK: Files

    /// Removes what was used least recently beyond the bound, and what somebody began to write and did not end.
    private func tidy() {
        for file in files(where: PrefixFile.isAside) where file.lastUse.timeIntervalSinceNow < -Self.patience { remove(file.name) }
        let prefixes = files(where: PrefixFile.isName).sorted { ($0.lastUse, $0.name) < ($1.lastUse, $1.name) }
        var total = prefixes.reduce(0) { $0 + $1.bytes }
        var kept = Set(prefixes.map(\.name))
        for file in prefixes where total > limit {
            remove(file.name)
            kept.remove(file.name)
            total -= file.bytes
        }
        state.withLock { $0.index.keep(only: kept) }
    }

    private func files(where isWanted: (String) -> Bool) -> [File] {
        let keys: Set<URLResourceKey> = [.isRegularFileKey, .fileSizeKey, .contentModificationDateKey]
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter(isWanted).compactMap { name in
            // One that is gone by now is no file.
            guard let values = try? URL(filePath: path(of: name)).resourceValues(forKeys: keys), values.isRegularFile != false else { return nil }
            return File(name: name, bytes: values.fileSize ?? 0, lastUse: values.contentModificationDate ?? .distantPast)
        }
    }

    private func touch(_ name: String) {
        try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: path(of: name))
    }

    /// A folder of such a name is not a prefix, and stays with all that is in it.
    private func remove(_ name: String) { unlink(path(of: name)) }

    private func path(of name: String) -> String { "\(directory)/\(name)" }
}
