import ShimmyChat
package import ShimmyJSON

/// The form that an answer must have, as far as nothing enforces it at the upstream.
package struct AnswerForm: Sendable, Equatable {
    /// How much of an answer is read and checked before any of it is passed on.
    enum Hold: Sendable { case nothing, calls, everything }

    /// The schema of the content of an answer without calls; nil for any content.
    package var schema: JSON?
    /// The tools that the answer may call, with the schemas of their arguments; nil if calls are not checked. A tool whose arguments can be any
    /// object has the schema `true`.
    package var tools: [String: JSON]?
    /// Whether the answer must call a tool.
    package var mustCall = false

    package init() {}

    /// Makes the form of the calls that a conversation allows. Arguments must fit their schema if the tool is strict or a call is required.
    init(callsOf conversation: Conversation) {
        let choice = conversation.toolChoice
        var tools: [String: JSON] = [:]
        for tool in conversation.tools where choice.mode != .none && choice.names?.contains(tool.name) ?? true {
            tools[tool.name] = tool.isStrict || choice.mode == .required ? tool.parameters ?? true : true
        }
        self.tools = tools
        mustCall = choice.mode == .required && !tools.isEmpty
    }

    /// Whether anything is checked.
    var isChecked: Bool { schema != nil || tools != nil }

    /// Returns how much of an answer waits for its check. A stream waits only if it begins with a call, or if the whole answer must have a form.
    /// - isWhole: whether the client gets the answer only when it is complete.
    func hold(isWhole: Bool) -> Hold {
        if schema != nil || mustCall { return .everything }
        guard let tools else { return .nothing }
        return isWhole && !tools.isEmpty ? .everything : .calls
    }
}
