package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /tokenize`, which returns the tokens of a text or a conversation. The fields are llama-server's (`content`) or vLLM's
/// (`prompt`, `messages`); clients of these programs may send no model name.
package struct TokenizeRequest: Sendable, Equatable {
    package enum Input: Sendable, Equatable {
        case text(String, addSpecial: Bool, parseSpecial: Bool)
        case conversation(Conversation)
    }

    /// The model's name; nil for the server's only model.
    package var model: String?
    package var input: Input
    /// Whether the tokens are returned as objects with their pieces, as in llama-server.
    package var withPieces: Bool
    /// Whether the texts of the tokens are returned beside them, as in vLLM.
    package var withTexts: Bool

    package init(_ json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        model = try fields.string("model")
        let parseSpecial = try fields.bool("parse_special") ?? true
        if fields.value("messages") != nil {
            if fields.value("prompt") != nil {
                throw APIError(
                    status: 400, message: "'prompt' and 'messages' cannot be given together.", param: "messages", code: "invalid_value")
            }
            input = .conversation(try ConversationDecoder(fields).conversation)
        } else if let prompt = try fields.string("prompt") {
            input = .text(prompt, addSpecial: try fields.bool("add_special_tokens") ?? true, parseSpecial: parseSpecial)
        } else {
            input = .text(try fields.requiredString("content"), addSpecial: try fields.bool("add_special") ?? false, parseSpecial: parseSpecial)
        }
        try Self.check(input, fields)
        withPieces = try fields.bool("with_pieces") ?? false
        withTexts = try fields.bool("return_token_strs") ?? false
    }

    /// Throws a 400 for a text over the limit, because the response takes several times as much memory as the text.
    private static func check(_ input: Input, _ fields: FieldReader) throws(APIError) {
        let most = InputLimits.standard.tokenizedBytes
        let name: String
        let bytes: Int
        switch input {
        case .text(let text, _, _): (name, bytes) = (fields.value("prompt") == nil ? "content" : "prompt", text.utf8.count)
        case .conversation(let conversation): (name, bytes) = ("messages", conversation.bytes)
        }
        if bytes > most { throw .stringTooLong(fields.path(to: name), maximum: most, got: bytes) }
    }

    package var needsPieces: Bool { withPieces || withTexts }

    /// - pieces: the bytes of each token, for a request that needs them. Bytes that are not UTF-8 text by themselves become numbers in the pieces,
    ///   and replacement characters in the texts.
    package func response(_ tokens: [Token], pieces: [[UInt8]?]?, contextLength: Int) -> JSON {
        if withPieces, let pieces { return ["tokens": .array(zip(tokens, pieces).map(Self.piece))] }
        var response: JSONObject = [
            "tokens": .array(tokens.map { .int(Int($0)) }), "count": .int(tokens.count), "max_model_len": .int(contextLength),
        ]
        if let pieces { response["token_strs"] = .array(pieces.map { .string(String(decoding: $0 ?? [], as: UTF8.self)) }) }
        return .object(response)
    }

    private static func piece(_ token: Token, _ piece: [UInt8]?) -> JSON {
        let bytes = piece ?? []
        let text: JSON = String(validating: bytes, as: UTF8.self).map(JSON.string) ?? .array(bytes.map { .int(Int($0)) })
        return ["id": .int(Int(token)), "piece": text]
    }
}
