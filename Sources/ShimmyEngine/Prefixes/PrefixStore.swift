import Dispatch
package import Foundation
package import Logging
package import ShimmyCore
import Synchronization

/// A computed prefix as it is kept on the disk.
package struct StoredPrefix: Sendable, Equatable {
    package let tokens: [Token]
    /// What the runner made of its cells.
    package let state: [UInt8]

    package init(tokens: [Token], state: [UInt8]) {
        self.tokens = tokens
        self.state = state
    }
}

/// Keeps computed prefixes in files, so that they outlive the process. One directory may serve several models and processes.
///
/// A file is written aside and renamed, and has a checksum: it is whole, or it is thrown away when it is read. All reading and writing
/// happens on a queue of its own. Beyond the bound the files that were used least recently go.
package final class PrefixStore: Sendable {
    private struct Entry {
        var tokens: [Token]
        /// See `key(of:)`.
        var adapters: UInt64
        var bytes: Int
        var lastUse: Date
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Bytes that wait to be written.
        var pending = 0
    }

    private let state = Mutex(State())
    private let directory: URL
    /// Tells the prefixes of one model and one build from all others.
    private let identity: UInt64
    private let adapters: [String]
    private let limit: Int
    private let logger: Logger
    private let queue = DispatchQueue(label: "prefixes", qos: .utility)

    /// More than that is not kept waiting for a slow disk.
    private static let pendingLimit = 1 << 30
    private static let suffix = ".prefix"

    /// - identity: everything that the cells depend on: the model's content, the build, the type of the cells.
    /// - adapters: the content of each of the model's adapters, in the runner's order.
    /// - limit: bytes of all files together.
    /// Throws when the directory cannot be made.
    package init(directory: String, identity: String, adapters: [String] = [], limit: Int, logger: Logger) throws {
        self.adapters = adapters
        self.directory = URL(filePath: directory, directoryHint: .isDirectory)
        self.identity = Checksum.of(Array(identity.utf8))
        self.limit = limit
        self.logger = logger
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
        scan()
    }

    /// Names some bytes.
    package static func fingerprint(of bytes: Data) -> String { String(bytes.withUnsafeBytes { Checksum.of($0) }, radix: 16) }

    // MARK: Asking

    /// How many of these tokens the longest useful stored prefix has. Without `partially` only a prefix that is used whole counts.
    func longestMatch(_ tokens: [Token], with adapters: AdapterSet, partially: Bool) -> Int {
        find(tokens, key(of: adapters), partially: partially)?.count ?? 0
    }

    private func find(_ tokens: [Token], _ adapters: UInt64, partially: Bool) -> (name: String, count: Int)? {
        state.withLock { state in
            var best: (name: String, count: Int)?
            for (name, entry) in state.entries where entry.adapters == adapters {
                let common = zip(entry.tokens, tokens).prefix { $0 == $1 }.count
                let useful = min(common, tokens.count - 1)
                if (partially || (common == entry.tokens.count && common < tokens.count)) && useful > best?.count ?? 0 { best = (name, useful) }
            }
            return best
        }
    }

    /// Reads the prefix that `longestMatch` spoke of; nil when it is damaged or gone.
    func read(
        for tokens: [Token], with adapters: AdapterSet, partially: Bool, then deliver: @escaping @Sendable (StoredPrefix?) -> Void
    ) {
        let key = key(of: adapters)
        queue.async { [self] in
            guard let (name, _) = find(tokens, key, partially: partially) else { return deliver(nil) }
            let file = directory.appending(path: name)
            guard let data = try? Data(contentsOf: file), let prefix = PrefixFile.decode(data, identity: identity, adapters: key) else {
                logger.warning("a stored prefix is damaged and is thrown away", metadata: ["file": "\(name)"])
                remove(name)
                return deliver(nil)
            }
            state.withLock { $0.entries[name]?.lastUse = Date() }
            try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: file.path())
            deliver(prefix)
        }
    }

    func contains(_ tokens: [Token], with adapters: AdapterSet) -> Bool {
        state.withLock { $0.entries[name(of: tokens, key(of: adapters))] != nil }
    }

    /// Names what a set adds to the model, by content: another process may have the same adapters at other places.
    private func key(of set: AdapterSet) -> UInt64 {
        if set.members.isEmpty { return 0 }
        return Checksum.of(Array(set.members.map { "\(adapters[$0.index])\u{1f}\($0.scale.bitPattern)" }.joined(separator: "\u{1e}").utf8))
    }

    // MARK: Keeping

    /// Writes a prefix, in its own time. Where prefixes are used in part, those that it begins with are not needed any more.
    func write(_ prefix: StoredPrefix, with adapters: AdapterSet, partially: Bool) {
        let key = key(of: adapters)
        let size = prefix.state.count + prefix.tokens.count * 4
        let accepted = state.withLock { state in
            guard size <= limit, state.pending + size <= Self.pendingLimit else { return false }
            state.pending += size
            return true
        }
        guard accepted else { return }
        queue.async { [self] in
            defer { state.withLock { $0.pending -= size } }
            let name = name(of: prefix.tokens, key)
            let data = PrefixFile.encode(prefix, identity: identity, adapters: key)
            do {
                try data.write(to: directory.appending(path: name), options: .atomic)
            } catch {
                logger.warning("a prefix could not be stored", metadata: ["error": "\(error)"])
                return
            }
            let covered = state.withLock { state in
                state.entries[name] = Entry(tokens: prefix.tokens, adapters: key, bytes: data.count, lastUse: Date())
                return state.entries.filter { other in
                    partially && other.key != name && other.value.adapters == key && prefix.tokens.starts(with: other.value.tokens)
                }.map(\.key)
            }
            for name in covered { remove(name) }
            removeExcess()
        }
    }

    /// Waits until everything is written.
    func flush() { queue.sync {} }

    // MARK: Files

    private func name(of tokens: [Token], _ adapters: UInt64) -> String {
        func hex(_ number: UInt64) -> String { String(repeating: "0", count: 16 - String(number, radix: 16).count) + String(number, radix: 16) }
        return [identity, tokens.withUnsafeBytes { Checksum.of($0) }, adapters].map(hex).joined(separator: "-") + Self.suffix
    }

    /// Learns what earlier processes left.
    private func scan() {
        let files =
            (try? FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: [.contentModificationDateKey, .fileSizeKey]))
            ?? []
        let own = name(of: [], 0).prefix(16)
        for file in files where file.lastPathComponent.hasPrefix(own) && file.lastPathComponent.hasSuffix(Self.suffix) {
            let values = try? file.resourceValues(forKeys: [.contentModificationDateKey, .fileSizeKey])
            guard let handle = try? FileHandle(forReadingFrom: file),
                let (tokens, adapters) = PrefixFile.readTokens(handle, identity: identity), name(of: tokens, adapters) == file.lastPathComponent
            else {
                remove(file.lastPathComponent)
                continue
            }
            let entry = Entry(
                tokens: tokens, adapters: adapters, bytes: values?.fileSize ?? 0, lastUse: values?.contentModificationDate ?? .distantPast)
            state.withLock { $0.entries[file.lastPathComponent] = entry }
        }
        removeExcess()
    }

    private func removeExcess() {
        let names = state.withLock { state in
            var total = state.entries.values.reduce(0) { $0 + $1.bytes }
            var names: [String] = []
            for (name, entry) in state.entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }) where total > limit {
                names.append(name)
                total -= entry.bytes
            }
            return names
        }
        for name in names { remove(name) }
    }

    private func remove(_ name: String) {
        state.withLock { $0.entries[name] = nil }
        try? FileManager.default.removeItem(at: directory.appending(path: name))
    }
}
