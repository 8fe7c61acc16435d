/// The work of one step, for people who watch the engine.
package struct StepSummary: Codable, Sendable, Equatable {
    /// The number of steps in the statistics.
    static let most = 60

    /// The rows of prompts.
    package let prefillRows: Int
    /// The rows that continue streams, with their drafts.
    package let decodeRows: Int
    package let seconds: Double
}
