/// Deviations of an answer from its request, to be reported to the client.
package struct AnswerReport: Sendable, Equatable {
    /// The changes to the conversation for the model's template. See `Normalization`.
    package var normalizations: [String]
    /// Schema keywords that are not enforced for the answer and its calls: `NAME#POINTER` for a tool's schema, `#POINTER` for the answer's. The JSON
    /// pointers (RFC 6901) end in the keyword; an empty pointer stands for the whole schema.
    package var unenforced: [String]
    /// The token limit of the answer if the context has less room than requested; nil otherwise.
    package var clampedTokens: Int?

    package init(normalizations: [String] = [], unenforced: [String] = []) {
        self.normalizations = normalizations
        self.unenforced = unenforced
    }
}
