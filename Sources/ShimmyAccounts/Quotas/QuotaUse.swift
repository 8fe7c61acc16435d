/// The remaining part of each limit of a key. A limit that the key does not have is nil.
package struct QuotaUse: Sendable, Equatable {
    package let requestsPerMinute: QuotaState.Part?
    package let tokensPerMinute: QuotaState.Part?
    package let tokensPerDay: QuotaState.Part?
    /// The limit of requests at the same time. Its `reset` is 0, because the end of a request is unknown.
    package let concurrency: QuotaState.Part?
}
