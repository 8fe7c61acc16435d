/// The use of all limited keys: a state machine that reads no clock.
///
/// Its memory is bounded by the number of keys that are used on one day.
package struct QuotaBook: Sendable {
    private var quotas: [String: Quota] = [:]
    /// The tokens of each key on `restoredDay` that an earlier process counted.
    private var restored: [String: Int] = [:]
    private var restoredDay = 0
    /// The number of keys at which the next one is preceded by a search for keys without use.
    private var pruneAt = leastPruned

    private static let leastPruned = 1024

    package init() {}

    /// The number of keys with a state.
    package var count: Int { quotas.count }

    /// Adds the tokens that an earlier process counted on a day. Must be called before any request is admitted.
    package mutating func restore(_ tokens: [String: Int], day: Int) {
        restored = tokens
        restoredDay = day
    }

    /// Reserves a request and tokens, or returns the limit that refuses it. In that case nothing changes.
    /// - estimate: the estimated tokens of prompt and answers; 0 for work that computes nothing.
    package mutating func admit(
        _ key: String, _ limits: AccessKey.Limits, tokens estimate: Int, at moment: QuotaMoment
    ) -> Result<QuotaGrant, QuotaRefusal> {
        makeRoom(for: key, at: moment)
        let fresh = fresh(key)
        return quotas[key, default: fresh].admit(key, limits, tokens: estimate, at: moment)
    }

    /// Reserves tokens for work that an earlier process admitted. No limit refuses it, and it is not a new request.
    package mutating func resume(_ key: String, tokens estimate: Int, at moment: QuotaMoment) -> QuotaGrant {
        makeRoom(for: key, at: moment)
        let fresh = fresh(key)
        return quotas[key, default: fresh].resume(key, tokens: estimate, at: moment)
    }

    /// Raises a reservation to `needed` tokens, or as far as the limits allow. If they do not allow `least`, returns the limit that refuses it, and
    /// the reservation stays as it is.
    package mutating func raise(
        _ grant: QuotaGrant, _ limits: AccessKey.Limits, to needed: Int, atLeast least: Int, at moment: QuotaMoment
    ) -> Result<QuotaGrant, QuotaRefusal> {
        quotas[grant.key]?.raise(grant, limits, to: max(0, needed), atLeast: max(0, least), at: moment) ?? .success(grant)
    }

    /// Replaces a reservation with the actual use. Must be called once for each grant.
    /// - keepsRequest: whether the request counts; false returns it.
    package mutating func settle(_ grant: QuotaGrant, tokens: Int, keepsRequest: Bool, at moment: QuotaMoment) {
        quotas[grant.key]?.settle(grant, tokens: max(0, tokens), keepsRequest: keepsRequest, at: moment)
    }

    /// Returns the remaining part of a key's limits.
    package func state(_ key: String, _ limits: AccessKey.Limits, at moment: QuotaMoment) -> QuotaState {
        current(key, at: moment).state(limits, at: moment)
    }

    /// Returns the remaining part of each limit of a key.
    package func use(_ key: String, _ limits: AccessKey.Limits, at moment: QuotaMoment) -> QuotaUse {
        current(key, at: moment).use(limits, at: moment)
    }

    private func current(_ key: String, at moment: QuotaMoment) -> Quota {
        var quota = quotas[key] ?? fresh(key)
        quota.advance(to: moment)
        return quota
    }

    private func fresh(_ key: String) -> Quota { Quota(day: restoredDay, dayTokens: restored[key] ?? 0) }

    private mutating func makeRoom(for key: String, at moment: QuotaMoment) {
        if moment.day > restoredDay { restored = [:] }
        guard quotas.count >= pruneAt, quotas[key] == nil else { return }
        quotas = quotas.compactMapValues { quota in
            var quota = quota
            quota.advance(to: moment)
            // The key would get the restored count again.
            return quota.isEmpty && restored.isEmpty ? nil : quota
        }
        pruneAt = max(Self.leastPruned, 2 * quotas.count)
    }
}
