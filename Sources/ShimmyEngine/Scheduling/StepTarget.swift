/// The target times of a step, in seconds.
package struct StepTarget: Sendable, Equatable {
    /// The target for the time between two tokens of a running stream, whatever other work arrives.
    package var gap: Double
    /// The target for a step that no stream waits for. It limits how long a new request waits for the current step.
    package var prefill: Double

    package init(gap: Double = 0.1, prefill: Double = 1) {
        self.gap = gap
        self.prefill = prefill
    }

    /// The fraction of the gap that a step with drafts may take. Drafts only save time, so they must not use up the time that a step can exceed its
    /// prediction by.
    static let draftShare = 0.5
    /// The min number of prefill rows in a step with prefill. Streams may slow prefill down but never stop it.
    static let minRows = 4
    /// The number that this min can rise to where rows cost little beside the rest of the step.
    static let maxMinRows = 16
    /// The number of prefill rows beside streams before any step was measured.
    static let firstRows = 32
}
