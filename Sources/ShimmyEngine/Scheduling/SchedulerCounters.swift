/// The scheduler's totals since its creation.
package struct SchedulerCounters: Codable, Sendable, Equatable {
    package var promptTokens = 0
    package var cachedPromptTokens = 0
    package var generatedTokens = 0
    package var draftedTokens = 0
    package var acceptedTokens = 0
    package var evictions = 0
    package var preemptions = 0

    package init() {}
}
