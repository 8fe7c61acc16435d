/// A lease on a prefix that was read from a storage. The prefix stays in memory until its last lease ends.
package final class PrefixLease: Sendable {
    package let prefix: StoredPrefix
    private let onEnd: @Sendable () -> Void

    package init(_ prefix: StoredPrefix, onEnd: @escaping @Sendable () -> Void) {
        self.prefix = prefix
        self.onEnd = onEnd
    }

    deinit { onEnd() }
}
