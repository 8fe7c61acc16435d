/// A replica that cannot serve, and the reason.
package struct Refusal: Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        case draining
        /// The health checks fail. A suspect replica still serves if there is no other one.
        case unhealthy(String), suspect(String)
        /// The circuit breaker is open, or the upstream asked for a pause.
        case open(until: ContinuousClock.Instant)
        /// The circuit breaker waits for the outcome of one request.
        case probing
        /// The replica has as many requests as it may have.
        case full(Int)
    }

    package let replica: ReplicaID
    package let name: String
    package let reason: Reason
}
