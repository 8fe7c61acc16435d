import ShimmyCore

/// A proposal for the next tokens of a stream.
struct Draft: Equatable {
    var tokens: [Token] = []
    /// Whether the tokens come from the client's prediction.
    var isPrediction = false
}
