import ShimmyCore

/// Deviations of an answer from its request, to be reported to the client.
package struct AnswerReport: Sendable, Equatable {
    /// The changes to the conversation for the model's template. See `Normalization`.
    package var normalizations: [String]
    /// Schema keywords that are not enforced for the answer and its calls: `NAME#POINTER` for a tool's schema, `#POINTER` for the answer's. The JSON
    /// pointers (RFC 6901) end in the keyword; an empty pointer stands for the whole schema.
    package var unenforced: [String]
    /// The request's fields that have no effect on this model, such as `reasoning_effort` on a model that does not reason, or that its template
    /// does not show.
    package var withoutEffect: [String] = []
    /// Whether the request asks for reasoning and the model does not reason.
    package var lacksReasoning = false
    /// The parts dropped from a prompt to fill a gap because they did not fit: the number of files, and whether the text around the gap was cut.
    package var droppedFiles = 0
    package var isCut = false
    /// The token limit of the answer if the context has less room than requested; nil otherwise.
    package var clampedTokens: Int?
    /// The token limit of the answer if the limit of the request's owner is lower than requested; nil otherwise.
    package var limitedTokens: Int?
    /// The name of the upstream server that makes the answer; nil for this server.
    package var upstream: String?
    /// The fingerprint of the model at the upstream server that makes the answer; nil for that of the backend.
    package var fingerprint: String?
    /// The parts of the answer that do not have the form that the request asks for, because nothing enforces it, as paths in a chat completion.
    package var unfit: [String] = []
    /// The origin of the token counts. A stream ends with counts whose origin is known too late for this report.
    package var usage = Usage.Source.reported

    package init(normalizations: [String] = [], unenforced: [String] = []) {
        self.normalizations = normalizations
        self.unenforced = unenforced
    }
}

extension AnswerReport {
    /// Makes the report about a prompt that a template rendered.
    init(of prompt: RenderedPrompt, _ conversation: Conversation, _ template: any ChatTemplate) {
        self.init(normalizations: prompt.normalizations, unenforced: prompt.unenforced)
        if !conversation.reasoningFields.isEmpty, prompt.thinking == nil {
            // A template may use these variables although its format has no tags.
            let source = template.source
            if !["enable_thinking", "reasoning_effort"].contains(where: { ByteSearch($0).isFound(in: source) }) {
                withoutEffect = conversation.reasoningFields
                lacksReasoning = true
            }
        }
        if !Self.showsNames(of: conversation.messages, prompt) { withoutEffect.append("messages[].name") }
    }

    /// The max number of names that are searched in a prompt.
    private static let namesLookedFor = 32

    /// Returns whether the prompt contains the names of the authors of messages, which most templates leave out. The names of tools that gave results
    /// do not count, because the calls before the results contain them.
    private static func showsNames(of messages: [ChatMessage], _ prompt: RenderedPrompt) -> Bool {
        let names = Set(messages.lazy.filter { $0.role != .tool }.compactMap(\.name))
        return names.sorted().prefix(namesLookedFor).allSatisfy { ByteSearch($0).isFound(in: prompt.text) }
    }
}
