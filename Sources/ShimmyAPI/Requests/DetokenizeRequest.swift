package import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /detokenize`, which returns the text of tokens.
package struct DetokenizeRequest: Sendable, Equatable {
    /// The model's name; nil for the server's only model.
    package var model: String?
    package var tokens: [Token]

    package init(_ json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        model = try fields.string("model")
        let value = try fields.required("tokens")
        let path = fields.path(to: "tokens")
        guard let array = value.arrayValue else { throw .wrongType(path, expected: "an array of integers", got: value) }
        tokens = try PromptDecoder.tokens(array, path)
    }

    /// - pieces: the bytes of each token; nil for a token that the model does not have.
    package func response(_ pieces: [[UInt8]?]) throws(APIError) -> JSON {
        if let index = pieces.firstIndex(where: { $0 == nil }) {
            throw APIError(
                status: 400, message: "Invalid 'tokens[\(index)]': the model has no token \(tokens[index]).", param: "tokens[\(index)]",
                code: "invalid_value")
        }
        let text: JSON = .string(String(decoding: pieces.flatMap { $0 ?? [] }, as: UTF8.self))
        // `content` is llama-server's name, `prompt` is vLLM's.
        return ["content": text, "prompt": text]
    }
}
