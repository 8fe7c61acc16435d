import Dispatch
import Synchronization

/// A prefix that was read from the disk, in memory for as long as somebody holds this.
package final class PrefixLease: Sendable {
    package let prefix: StoredPrefix
    private let onEnd: @Sendable () -> Void

    fileprivate init(_ prefix: StoredPrefix, onEnd: @escaping @Sendable () -> Void) {
        self.prefix = prefix
        self.onEnd = onEnd
    }

    deinit { onEnd() }
}

/// Reads prefixes, each once for all who want it at the same time, and bounds what they hold of them.
///
/// Sequences can hold what was read for them until they start, hundreds of megabytes each: beyond the bound they go without it.
final class PrefixReader: Sendable {
    typealias Delivery = @Sendable (PrefixLease?) -> Void

    private struct Loaded {
        let prefix: StoredPrefix
        let bytes: Int
        var leases = 1
    }

    private struct State {
        /// Who waits for a file, by its name.
        var waiting: [String: [Delivery]] = [:]
        /// What somebody holds.
        var loaded: [String: Loaded] = [:]
        /// Of what is loaded and of what is being read.
        var bytes = 0
    }

    private let state = Mutex(State())
    /// Somebody waits for an answer.
    private let queue = DispatchQueue(label: "prefixes.read", qos: .userInitiated)
    private let limit: Int

    /// - limit: bytes that are held at once; a single prefix may have more.
    init(limit: Int) { self.limit = limit }

    var heldBytes: Int { state.withLock { $0.bytes } }

    /// Delivers on the reader's queue; nil where there is no room for it in memory or `load` has none.
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
