/// The identity of a replica in a router. It is not used again after the replica is removed.
package struct ReplicaID: Hashable, Sendable, Comparable {
    let number: Int
    /// The replica's index in the router's table, which a later replica can get.
    let slot: Int

    package static func < (a: ReplicaID, b: ReplicaID) -> Bool { a.number < b.number }
}

/// The settings of a replica.
package struct ReplicaTerms: Hashable, Sendable {
    /// The range of weights. A replica with twice the weight gets twice the load.
    package static let weights = 0.001...1000.0

    package var name: String
    package var weight: Double
    /// Replicas with the highest priority serve all requests that they can; the others serve the overflow.
    package var priority: Int
    /// The max number of requests in flight; nil for any number.
    package var maxConcurrency: Int?
    package var breaker: CircuitBreaker.Limits

    package init(
        name: String, weight: Double = 1, priority: Int = 0, maxConcurrency: Int? = nil, breaker: CircuitBreaker.Limits = CircuitBreaker.Limits()
    ) {
        self.name = name
        self.weight = weight.isFinite ? min(max(weight, Self.weights.lowerBound), Self.weights.upperBound) : 1
        self.priority = priority
        self.maxConcurrency = maxConcurrency
        self.breaker = breaker
    }
}

/// The result of the health checks of a replica.
package enum ReplicaHealth: Hashable, Sendable {
    /// The checks pass, or none was made yet.
    case healthy
    case unhealthy(String)
    /// The checks fail, but requests may succeed. The replica gets them only while no other one can serve.
    case suspect(String)
    /// The replica gets no new requests.
    case draining
}
