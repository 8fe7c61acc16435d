/// Where an answer deviates from what was asked for, for its client to know.
package struct AnswerReport: Sendable, Equatable {
    /// What was changed in the conversation for the model's template, see `Normalization`.
    package var normalizations: [String]
    /// Keywords of schemas that the answer and its calls are not held to: `NAME#POINTER` for a tool's, `#POINTER` for the answer's, with JSON
    /// pointers (RFC 6901) that end in the keyword.
    package var unenforced: [String]
    /// The limit on the answer's tokens where the context has less room than was asked for.
    package var clampedTokens: Int?

    package init(normalizations: [String] = [], unenforced: [String] = []) {
        self.normalizations = normalizations
        self.unenforced = unenforced
    }
}
