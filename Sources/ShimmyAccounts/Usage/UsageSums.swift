/// The added use of several requests.
package struct UsageSums: Sendable, Equatable {
    package var requests = 0
    /// The requests that failed after they were admitted.
    package var errors = 0
    package var inputTokens = 0
    /// The part of the input tokens that was in the cache.
    package var cachedTokens = 0
    package var outputTokens = 0
    /// The part of the output tokens that was reasoning.
    package var reasoningTokens = 0
    /// The milliseconds for which a model computed.
    package var milliseconds = 0
    /// The tokens that counted towards limits.
    package var countedTokens = 0

    package init() {}

    package static func += (left: inout UsageSums, right: UsageSums) {
        left.requests += right.requests
        left.errors += right.errors
        left.inputTokens += right.inputTokens
        left.cachedTokens += right.cachedTokens
        left.outputTokens += right.outputTokens
        left.reasoningTokens += right.reasoningTokens
        left.milliseconds += right.milliseconds
        left.countedTokens += right.countedTokens
    }
}
