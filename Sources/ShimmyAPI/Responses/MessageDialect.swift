package import ShimmyChat

/// A part of a message, as one chunk contains it.
package enum MessageDelta: Sendable, Equatable {
    case content(String, [TokenProbability] = [])
    case reasoning(String)
    case call(index: Int, id: String, CalledTool)
    /// The next part of a call's arguments, or of a custom tool's input text.
    case arguments(index: Int, String, isCustom: Bool)
}

/// A converter of one answer's parts to a client's dialect. It gives every call an ID, and extracts the input text for custom tools.
package struct MessageDialect {
    private let dialect: CallDialect
    private var readers: [Int: CustomInputReader] = [:]

    package init(_ dialect: CallDialect) { self.dialect = dialect }

    /// Returns whether the input text of a custom tool's call is complete; nil for a call of another tool.
    func hasWholeInput(_ index: Int) -> Bool? { readers[index]?.isOver }

    /// Returns the converted part; nil if there is nothing to send yet.
    package mutating func map(_ delta: AnswerDelta) -> MessageDelta? {
        switch delta {
        case .content(let text, let probabilities): return .content(text, probabilities)
        case .reasoning(let text): return .reasoning(text)
        case .call(let index, let id, let name):
            let tool = dialect.tool(name)
            if tool.kind == .custom { readers[index] = CustomInputReader() }
            return .call(index: index, id: id ?? CallDialect.newCallID(), tool)
        case .arguments(let index, let more):
            guard var reader = readers[index] else { return .arguments(index: index, more, isCustom: false) }
            let text = reader.push(more)
            readers[index] = reader
            return text.isEmpty ? nil : .arguments(index: index, text, isCustom: true)
        }
    }
}
