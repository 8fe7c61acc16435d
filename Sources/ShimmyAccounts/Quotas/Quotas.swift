import Synchronization

/// The use of all limited keys, for any number of threads at once.
package final class Quotas: Sendable {
    private let book = Mutex(QuotaBook())
    private let now: @Sendable () -> QuotaMoment

    package init(now: @escaping @Sendable () -> QuotaMoment = { QuotaMoment.now }) { self.now = now }

    package func restore(_ tokens: [String: Int], day: Int) { book.withLock { $0.restore(tokens, day: day) } }

    // The time is read under the lock, so that it does not go back between two calls.

    package func admit(_ key: AccessKey, tokens estimate: Int) throws(QuotaRefusal) -> QuotaGrant {
        try book.withLock { $0.admit(key.id, key.limits, tokens: estimate, at: now()) }.get()
    }

    package func resume(_ key: AccessKey, tokens estimate: Int) -> QuotaGrant {
        book.withLock { $0.resume(key.id, tokens: estimate, at: now()) }
    }

    package func raise(
        _ grant: QuotaGrant, _ limits: AccessKey.Limits, to needed: Int, atLeast least: Int
    ) throws(QuotaRefusal) -> QuotaGrant {
        try book.withLock { $0.raise(grant, limits, to: needed, atLeast: least, at: now()) }.get()
    }

    package func settle(_ grant: QuotaGrant, tokens: Int, keepsRequest: Bool) {
        book.withLock { $0.settle(grant, tokens: tokens, keepsRequest: keepsRequest, at: now()) }
    }

    package func state(_ key: AccessKey) -> QuotaState { book.withLock { $0.state(key.id, key.limits, at: now()) } }

    package func use(_ key: AccessKey) -> QuotaUse { book.withLock { $0.use(key.id, key.limits, at: now()) } }
}

extension AccessKey.Limits {
    /// Whether requests of the key are counted against a limit.
    package var areCounted: Bool {
        requestsPerMinute != nil || tokensPerMinute != nil || tokensPerDay != nil || concurrency != nil
    }
}
