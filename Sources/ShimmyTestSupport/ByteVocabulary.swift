package import ShimmyChat
package import ShimmyCore

/// A vocabulary whose tokens are the 256 bytes, or pieces that a test defines.
package struct ByteVocabulary: Vocabulary {
    private let pieces: [[UInt8]]

    package init() { pieces = (0...255).map { [UInt8($0)] } }

    /// Makes a vocabulary whose token n is the n-th piece.
    package init(pieces: [[UInt8]]) { self.pieces = pieces }

    package var tokenCount: Int { pieces.count }

    package func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Token] { text.utf8.map { Token($0) } }

    package func piece(of token: Token, special: Bool) -> [UInt8] { pieces.indices.contains(Int(token)) ? pieces[Int(token)] : [] }
}

/// A chat template that joins the texts of the messages, or throws `refusal` as an error.
package struct PlainTemplate: ChatTemplate {
    package let source = ""
    package var refusal: String?

    package init(refusal: String? = nil) { self.refusal = refusal }

    package func render(_ conversation: Conversation, holding schemas: HeldSchemas) throws(ChatTemplateError) -> RenderedPrompt {
        if let refusal { throw ChatTemplateError(refusal) }
        return RenderedPrompt(text: conversation.messages.flatMap(\.texts).joined(separator: "\n"))
    }
}
