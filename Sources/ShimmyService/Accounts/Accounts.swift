import ShimmyAPI
package import ShimmyAccounts

/// The limits of keys, and the record of the use of all callers.
package struct Accounts: Sendable {
    package let quotas: Quotas
    /// The record of usage; nil if none is kept.
    package let usage: UsageRecorder?
    /// The part of a cached prompt token that counts towards limits, from 0 to 1.
    package let cachedTokenFactor: Double
    /// Returns the key of the owner of a stored object, for work that an earlier process accepted; nil if it has none with a name.
    package let key: @Sendable (_ storageOwner: String) -> AccessKey?

    package init(
        quotas: Quotas = Quotas(), usage: UsageRecorder? = nil, cachedTokenFactor: Double = 1,
        key: @escaping @Sendable (_ storageOwner: String) -> AccessKey? = { _ in nil }
    ) {
        self.quotas = quotas
        self.usage = usage
        self.cachedTokenFactor = min(max(cachedTokenFactor, 0), 1)
        self.key = key
    }

    /// Returns the remaining part of a key's limits; nil for a key without limits.
    package func state(of key: AccessKey?) -> QuotaState? {
        guard let key, key.limits.areCounted else { return nil }
        return quotas.state(key)
    }

    /// Returns an account of one request, whose estimate is reserved; nil if nothing is counted. Throws a 429 if a limit of the key refuses it.
    func charge(_ caller: Caller, _ endpoint: UsageEndpoint, _ estimate: WorkEstimate) throws(APIError) -> Charge? {
        var estimate = estimate
        if let most = caller.key?.limits.maxOutputTokens { estimate.output = min(estimate.output, most) }
        var grant: QuotaGrant?
        if let key = caller.key, key.limits.areCounted {
            do {
                grant = try quotas.admit(key, tokens: estimate.tokens)
            } catch {
                throw APIError(error)
            }
        }
        return charge(grant, caller.key, caller.storageOwner, user: caller.user, endpoint, estimate)
    }

    /// Returns an account of a response that an earlier process accepted within the limits; nil if nothing is counted. No limit refuses it.
    func resumedCharge(_ storageOwner: String, _ estimate: WorkEstimate) -> Charge? {
        let key = key(storageOwner)
        var estimate = estimate
        if let most = key?.limits.maxOutputTokens { estimate.output = min(estimate.output, most) }
        let grant = key.flatMap { $0.limits.areCounted ? quotas.resume($0, tokens: estimate.tokens) : nil }
        return charge(grant, key, storageOwner, user: nil, .responses, estimate)
    }

    private func charge(
        _ grant: QuotaGrant?, _ key: AccessKey?, _ storageOwner: String, user: String?, _ endpoint: UsageEndpoint, _ estimate: WorkEstimate
    ) -> Charge? {
        if grant == nil, usage == nil { return nil }
        let origin = UsageOrigin(
            day: grant?.day ?? usage?.currentDay ?? 0, key: key?.id ?? storageOwner, user: user ?? "", model: "", endpoint: endpoint.rawValue)
        return Charge(self, grant, origin, estimate, key?.limits ?? .init())
    }
}
