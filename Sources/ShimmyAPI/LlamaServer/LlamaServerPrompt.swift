package import ShimmyChat
package import ShimmyCore
import ShimmyJSON

/// A prompt of llama-server's API: a text, tokens, or both in any order.
package struct LlamaServerPrompt: Sendable, Equatable {
    package enum Piece: Sendable, Equatable {
        case text(String)
        case tokens([Token])
    }

    package private(set) var pieces: [Piece]

    /// The prompt as other requests have it; nil if it has to be put together from several pieces.
    package var single: TextRequest.Prompt? {
        switch pieces.first {
        case nil: .text("")
        case .text(let text)? where pieces.count == 1: .text(text)
        case .tokens(let tokens)? where pieces.count == 1: .tokens(tokens)
        default: nil
        }
    }

    private static let most = 2048
    private static let expected = "a string, an object or an array of strings and integers"

    /// Returns the prompts of a request: one, or several.
    static func prompts(_ fields: FieldReader, _ name: String) throws(APIError) -> [LlamaServerPrompt] {
        let (value, path) = (try fields.required(name), fields.path(to: name))
        guard let elements = value.arrayValue, !elements.contains(where: { $0.intValue != nil }) else { return [try prompt(value, path)] }
        if elements.isEmpty { throw .emptyArray(path) }
        if elements.count > most { throw .arrayTooLong(path, maximum: most, got: elements.count) }
        var prompts: [LlamaServerPrompt] = []
        for (index, element) in elements.enumerated() { prompts.append(try prompt(element, path.index(index))) }
        return prompts
    }

    private static func prompt(_ value: JSON, _ path: JSONPath) throws(APIError) -> LlamaServerPrompt {
        switch value {
        case .string(let text): return LlamaServerPrompt(pieces: [.text(text)])
        case .array(let elements): return LlamaServerPrompt(pieces: try pieces(elements, path))
        case .object(let object):
            if let files = object["multimodal_data"], !files.isNull, files != [] { throw .unsupportedParameter(path.key("multimodal_data")) }
            let place = path.key("prompt_string")
            guard let given = object["prompt_string"] else { throw .missing(place) }
            guard let text = given.stringValue else { throw .wrongType(place, expected: "a string", got: given) }
            return LlamaServerPrompt(pieces: [.text(text)])
        default: throw .wrongType(path, expected: expected, got: value)
        }
    }

    private static func pieces(_ elements: [JSON], _ path: JSONPath) throws(APIError) -> [Piece] {
        if elements.isEmpty { throw .emptyArray(path) }
        var pieces: [Piece] = []
        var tokens: [Token] = []
        for (index, element) in elements.enumerated() {
            if let text = element.stringValue {
                if !tokens.isEmpty { pieces.append(.tokens(tokens)) }
                tokens = []
                pieces.append(.text(text))
                if pieces.count > most { throw .arrayTooLong(path, maximum: most, got: elements.count) }
            } else if let token = element.intValue.flatMap({ Token(exactly: $0) }) {
                tokens.append(token)
            } else {
                throw .wrongType(path.index(index), expected: "a string or a token id", got: element)
            }
        }
        if !tokens.isEmpty { pieces.append(.tokens(tokens)) }
        return pieces
    }
}
