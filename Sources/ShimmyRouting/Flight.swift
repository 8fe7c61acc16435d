/// A request that a replica serves. `Router.finished` takes it back.
package struct Flight: Hashable, Sendable {
    package let replica: ReplicaID
    /// The tokens that the flight counts for in the replica's load.
    var tokens: Int
    let answerTokens: Int
    /// Whether the breaker waits for the flight's outcome.
    var isProbe: Bool
}

/// The outcome of a request, as evidence about the replica.
package enum FlightOutcome: Hashable, Sendable {
    /// The replica answered. This includes errors that the request itself caused.
    case succeeded
    /// The replica failed.
    case failed(retryAfter: Duration?)
    /// The request ended for another reason, such as a disconnected client.
    case abandoned
}
