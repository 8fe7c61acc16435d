import ShimmyJSON

/// The parts of an assistant message that contain its reasoning: `thinking`, as in the APIs of Anthropic and Mistral, and `reasoning`, as in
/// libraries of clients.
enum ReasoningPart {
    static func isReasoning(_ part: FieldReader) -> Bool {
        let type = part.value("type")
        return type == "thinking" || type == "reasoning"
    }

    /// Returns the reasoning in the parts of a message's content, one part in a line; nil if no part contains reasoning.
    static func text(of message: FieldReader) throws(APIError) -> String? {
        guard let parts = message.value("content")?.arrayValue else { return nil }
        var texts: [String] = []
        for (index, element) in parts.enumerated() {
            let part = try message.element(element, of: "content", at: index)
            if isReasoning(part) { texts.append(try text(part)) }
        }
        return texts.isEmpty ? nil : texts.joined(separator: "\n")
    }

    private static func text(_ part: FieldReader) throws(APIError) -> String {
        if part.value("type") == "reasoning" {
            if let text = try part.string("text") { return text }
            return try part.requiredString("reasoning")
        }
        // Mistral's parts contain parts of text.
        guard let pieces = part.value("thinking")?.arrayValue else { return try part.requiredString("thinking") }
        var text = ""
        for (index, element) in pieces.enumerated() {
            let piece = try part.element(element, of: "thinking", at: index)
            let type = try piece.requiredString("type")
            guard type == "text" else { throw .invalidValue(piece.path(to: "type"), type, supported: ["text"]) }
            text += try piece.requiredString("text")
        }
        return text
    }
}
