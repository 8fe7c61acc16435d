import Dispatch
import ShimmyEngine
import Synchronization

/// A reader of stored prefixes. It reads a prefix once for all sequences that wait for it, and limits the memory of all prefixes that it has read.
///
/// Sequences keep their prefixes until they start, hundreds of megabytes each. Beyond the limit, a sequence starts without its prefix.
final class PrefixReader: Sendable {
    typealias Delivery = @Sendable (PrefixLease?) -> Void

    private struct Loaded {
        let prefix: StoredPrefix
        let bytes: Int
        var leases = 1
    }

    private struct State {
        /// The deliveries that wait for a file, by its name.
        var waiting: [String: [Delivery]] = [:]
        /// The prefixes with leases, by file name.
        var loaded: [String: Loaded] = [:]
        /// The bytes of the prefixes that are loaded or being read.
        var bytes = 0
    }

    private let state = Mutex(State())
    /// The queue of reads. Its priority is high, since a request waits for each read.
    private let queue = DispatchQueue(label: "prefixes.read", qos: .userInitiated)
    private let limit: Int

    /// Creates a reader.
    /// - limit: the max number of bytes in memory; a single prefix may exceed it.
    init(limit: Int) { self.limit = limit }

    var heldBytes: Int { state.withLock { $0.bytes } }

    /// Reads a prefix, unless it is already in memory, and delivers a lease on the reader's queue. Delivers nil when there is no room in memory or
    /// `load` returns nil.
    func read(_ name: String, bytes: Int, load: @escaping @Sendable () -> StoredPrefix?, then deliver: @escaping Delivery) {
        let isFirst = state.withLock { state in
            state.waiting[name, default: []].append(deliver)
            return state.waiting[name]?.count == 1
        }
        guard isFirst else { return }
        queue.async { [self] in
            let lease = existing(name) ?? read(name, bytes, load)
            let waiting = state.withLock { $0.waiting.removeValue(forKey: name) ?? [] }
            for deliver in waiting { deliver(lease) }
        }
    }

    private func existing(_ name: String) -> PrefixLease? {
        let prefix = state.withLock { state in
            state.loaded[name]?.leases += 1
            return state.loaded[name]?.prefix
        }
        return prefix.map { lease($0, name) }
    }

    private func read(_ name: String, _ bytes: Int, _ load: () -> StoredPrefix?) -> PrefixLease? {
        let hasRoom = state.withLock { state in
            guard state.bytes == 0 || state.bytes + bytes <= limit else { return false }
            state.bytes += bytes
            return true
        }
        guard hasRoom else { return nil }
        guard let prefix = load() else {
            state.withLock { $0.bytes -= bytes }
            return nil
        }
        state.withLock { $0.loaded[name] = Loaded(prefix: prefix, bytes: bytes) }
        return lease(prefix, name)
    }

    private func lease(_ prefix: StoredPrefix, _ name: String) -> PrefixLease { PrefixLease(prefix) { [self] in end(name) } }

    private func end(_ name: String) {
        state.withLock { state in
            guard let loaded = state.loaded[name] else { return }
            if loaded.leases > 1 {
                state.loaded[name]?.leases -= 1
            } else {
                state.loaded[name] = nil
                state.bytes -= loaded.bytes
            }
        }
    }
}
