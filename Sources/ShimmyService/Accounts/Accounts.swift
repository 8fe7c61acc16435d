import ShimmyAPI
package import ShimmyAccounts

/// The limits of keys, and the record of what all callers use.
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
        if grant == nil, usage == nil { return nil }
        let origin = UsageOrigin(
            day: grant?.day ?? usage?.currentDay ?? 0, key: caller.key?.id ?? caller.storageOwner, user: caller.user ?? "", model: "",
            endpoint: endpoint.rawValue)
        return Charge(self, grant, origin, estimate, caller.key?.limits ?? .init())
    }

    /// Returns an account of a response that an earlier process accepted within the limits; nil if nothing is counted.
    func resumedCharge(_ storageOwner: String) -> Charge? {
        guard let usage else { return nil }
        let origin = UsageOrigin(
            day: usage.currentDay, key: key(storageOwner)?.id ?? storageOwner, user: "", model: "", endpoint: UsageEndpoint.responses.rawValue)
        return Charge(self, nil, origin)
    }
}
