import ShimmyCore

/// The load, health and breaker of a replica.
package struct ReplicaState: Sendable {
    package let id: ReplicaID
    package internal(set) var terms: ReplicaTerms
    package internal(set) var health = ReplicaHealth.healthy
    package internal(set) var breaker: CircuitBreaker
    package internal(set) var requestsInFlight = 0
    /// The estimated tokens that the requests in flight make the replica compute.
    package internal(set) var tokensInFlight = 0

    /// The number of the replica's cache in the prefix index.
    var cache: ReplicaPrefixIndex.Cache = 0
    /// The number of the last request that the replica got; of two equal replicas, the one with the older request is next.
    var turn = 0
    /// The replica's members in pools.
    var memberships: [(pool: Int, member: Int)] = []

    init(id: ReplicaID, terms: ReplicaTerms) {
        self.id = id
        self.terms = terms
        breaker = CircuitBreaker(limits: terms.breaker)
    }

    /// Returns the reason for which the replica gets no requests; nil if it does.
    func refusal(at now: ContinuousClock.Instant) -> Refusal.Reason? {
        switch health {
        case .draining: return .draining
        case .unhealthy(let problem): return .unhealthy(problem)
        case .suspect(let problem): return .suspect(problem)
        case .healthy: break
        }
        switch breaker.state(at: now) {
        case .open(let until): return .open(until: until)
        case .probing: return .probing
        case .closed, .halfOpen: break
        }
        return hasRoom ? nil : .full(requestsInFlight)
    }

    /// Whether the replica may have another request.
    var hasRoom: Bool { requestsInFlight < terms.maxConcurrency ?? .max }

    /// Returns the replica's index in a pool; nil if the pool does not contain it.
    func member(of pool: Int) -> Int? { memberships.first { $0.pool == pool }?.member }

    /// Returns the load in tokens, in which each request counts for some more.
    func load(tokensPerRequest: Int) -> Int { tokensInFlight.saturated(adding: requestsInFlight.saturated(multipliedBy: tokensPerRequest)) }
}
