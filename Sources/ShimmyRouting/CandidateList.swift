/// The replicas that can serve a request.
package struct CandidateList: Sendable {
    /// The replicas to try, the best one first; empty if none can serve.
    package var candidates: [Candidate]
}

/// A replica that can serve a request, and the reason for its place in the list.
package struct Candidate: Hashable, Sendable {
    package enum Reason: String, Hashable, Sendable {
        /// The replica shares a prefix with the prompt.
        case prefix
        /// The replica has the least load.
        case load
        /// No replica can serve. This one may serve soonest.
        case lastResort = "last_resort"
    }

    package let replica: ReplicaID
    package let name: String
    package let reason: Reason
    /// The estimated number of the prompt's tokens that the replica has in its cache.
    package let cachedTokens: Int
}
