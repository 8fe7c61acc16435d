import Dispatch
import Foundation
package import Logging
import ShimmyEngine
import Synchronization

/// A directory of stored prefixes, for all models of the process. Other processes may use it too.
///
/// All files in the directory count, whichever process wrote them: the size limit applies to all models and builds together, and beyond it the
/// least recently used files are deleted. Reads and writes have a queue each, so that a request that waits for a prefix does not wait for writes.
/// Lookups do not access the disk.
package final class PrefixFolder: Sendable {
    private struct State {
        var index = PrefixIndex()
        /// The number of bytes that wait to be written.
        var pending = 0
        /// The bytes of all prefixes in the directory when it was last read; nil before.
        var stored: Int?
    }

    private struct File {
        let name: String
        let bytes: Int
        let lastUse: Date
    }

    private let state = Mutex(State())
    private let directory: String
    package let limit: Int
    private let memory: Int
    private let logger: Logger
    private let reader: PrefixReader
    private let writing = DispatchQueue(label: "prefixes.write", qos: .utility)

    /// Seconds after which an incomplete file counts as abandoned.
    private static let patience = 3600.0

    /// Creates an object for the directory at `path`. `learn` creates the directory itself.
    /// - limit: the max number of bytes of all files together.
    /// - memory: the max number of bytes in memory of prefixes that were read, until their sequences start. The same limit applies to prefixes that
    ///   wait for a slow disk.
    package init(path: String, limit: Int, memory: Int = 512 << 20, logger: Logger) {
        directory = path
        self.limit = limit
        self.memory = memory
        self.logger = logger
        reader = PrefixReader(limit: memory)
    }

    /// The bytes of prefixes that were read and still have leases.
    package var heldBytes: Int { reader.heldBytes }

    /// The bytes of all prefixes in the directory when it was last read, which follows each write; nil as long as no model uses the directory.
    package var storedBytes: Int? { state.withLock { $0.stored } }

    // MARK: Lookups

    func longestMatch(_ prompt: Prompt, _ key: PrefixKey, partially: Bool) -> PrefixMatch? {
        state.withLock { $0.index.longestMatch(prompt, key, partially: partially) }
    }

    func contains(_ units: [PromptUnit], _ key: PrefixKey) -> Bool {
        let name = PrefixFile.name(of: units, key)
        return state.withLock { $0.index.contains(name, key) }
    }

    /// Whether the disk keeps up with the writes.
    var hasRoom: Bool { state.withLock { $0.pending < memory } }

    // MARK: Reading

    /// Indexes the prefixes of a model that earlier processes left. Throws when the directory cannot be created.
    func learn(_ identity: UInt64) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let beginning = PrefixFile.beginning(ofNamesOf: identity)
        for file in files(where: { $0.hasPrefix(beginning) && PrefixFile.isName($0) }) { learn(file) }
        writing.async { [self] in tidy() }
    }

    private func learn(_ file: File) {
        // A sparse file can claim any length, and files are read as a whole.
        guard file.bytes <= limit else { return remove(file.name) }
        guard let handle = FileHandle(forReadingAtPath: path(of: file.name)) else { return }
        defer { try? handle.close() }
        guard let (units, key) = PrefixFile.readUnits(handle), PrefixFile.name(of: units, key) == file.name else { return remove(file.name) }
        state.withLock { $0.index.insert(file.name, key, units: units, bytes: file.bytes) }
    }

    /// Reads a prefix asynchronously. Delivers nil when it is damaged or missing, or when the memory for prefixes is full.
    func read(_ match: PrefixMatch, then deliver: @escaping PrefixReader.Delivery) {
        reader.read(match.name, bytes: match.bytes, load: { [self] in load(match) }, then: deliver)
    }

    private func load(_ match: PrefixMatch) -> StoredPrefix? {
        guard let file = FileHandle(forReadingAtPath: path(of: match.name)) else {
            // Another process deleted the file to make room.
            state.withLock { $0.index.remove(match.name, match.key) }
            return nil
        }
        defer { try? file.close() }
        guard let prefix = PrefixFile.read(file, of: match.key) else {
            logger.warning("stored prefix is damaged; deleting it", metadata: ["file": "\(match.name)"])
            state.withLock { $0.index.remove(match.name, match.key) }
            remove(match.name)
            return nil
        }
        touch(match.name)
        return prefix
    }

    // MARK: Writing

    /// Writes a prefix asynchronously. With `partially`, stored prefixes that it begins with are redundant and are removed.
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
        let name = PrefixFile.name(of: prefix.units, key)
        do {
            try PrefixFile.write(prefix, of: key, to: path(of: name))
        } catch {
            logger.warning("prefix could not be stored", metadata: ["error": "\(error)"])
            return
        }
        // The file system's own timestamps are coarser.
        touch(name)
        let covered = state.withLock { state in
            state.index.insert(name, key, units: prefix.units, bytes: PrefixFile.size(of: prefix))
            return partially ? state.index.names(coveredBy: prefix.units, key, except: name) : []
        }
        for name in covered { remove(name) }
        tidy()
    }

    /// Waits until all prefixes are written.
    func flush() { writing.sync {} }

    // MARK: Files

    /// Deletes the least recently used prefixes beyond the size limit, and incomplete files that were abandoned.
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
        state.withLock { state in
            state.index.keep(only: kept)
            state.stored = total
        }
    }

    private func files(where isWanted: (String) -> Bool) -> [File] {
        let keys: Set<URLResourceKey> = [.isRegularFileKey, .fileSizeKey, .contentModificationDateKey]
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter(isWanted).compactMap { name in
            // Skip files that were deleted since the directory was listed.
            guard let values = try? URL(filePath: path(of: name)).resourceValues(forKeys: keys), values.isRegularFile != false else { return nil }
            return File(name: name, bytes: values.fileSize ?? 0, lastUse: values.contentModificationDate ?? .distantPast)
        }
    }

    private func touch(_ name: String) {
        try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: path(of: name))
    }

    /// Deletes a file. A directory with such a name is not a prefix; `unlink` leaves it and its contents alone.
    private func remove(_ name: String) { unlink(path(of: name)) }

    private func path(of name: String) -> String { "\(directory)/\(name)" }
}
