/// Counts of the verified tokens of a client's prediction.
package struct PredictionCount: Sendable, Equatable {
    package var accepted = 0
    package var rejected = 0

    package init(accepted: Int = 0, rejected: Int = 0) {
        self.accepted = accepted
        self.rejected = rejected
    }
}
