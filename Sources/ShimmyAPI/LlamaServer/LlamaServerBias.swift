import ShimmyCore
import ShimmyJSON

/// A decoder of llama-server's `logit_bias`: pairs in an array, or an object. A text stands for each of its tokens; `false` bans a token.
struct LlamaServerBias {
    /// The bias of each text.
    private(set) var texts: [(text: String, bias: Float)] = []
    /// The bias of tokens, as in a chat completion.
    private(set) var tokens = JSONObject()

    /// The max number of texts, and of bytes of each: they are tokenized one by one.
    private static let mostTexts = 64
    private static let longest = 1024
    private static let mostTokens = 65536

    init(_ fields: FieldReader, _ name: String) throws(APIError) {
        guard let value = fields.value(name) else { return }
        let path = fields.path(to: name)
        switch value {
        case .array(let pairs):
            if pairs.count > Self.mostTokens { throw .arrayTooLong(path, maximum: Self.mostTokens, got: pairs.count) }
            for (index, pair) in pairs.enumerated() {
                guard let sides = pair.arrayValue, sides.count == 2 else {
                    throw .wrongType(path.index(index), expected: "an array of a token and a number", got: pair)
                }
                try add(sides[0], sides[1], path.index(index))
            }
        case .object(let object):
            if object.count > Self.mostTokens {
                throw APIError(
                    status: 400, message: "Invalid '\(path)': it can have at most \(Self.mostTokens) members, but has \(object.count).",
                    param: "\(path)", code: "invalid_value")
            }
            for (key, bias) in object { try add(.string(key), bias, path.key(key)) }
        default: throw .wrongType(path, expected: "an array or an object", got: value)
        }
    }

    private mutating func add(_ token: JSON, _ bias: JSON, _ path: JSONPath) throws(APIError) {
        let number: Double
        switch bias {
        case .bool(false): number = -100
        case .number(let given): number = max(-100, min(100, given.double))
        default: throw .wrongType(path, expected: "a number or false", got: bias)
        }
        if let id = token.intValue.flatMap({ Token(exactly: $0) }) ?? token.stringValue.flatMap({ Token($0) }) {
            tokens["\(id)"] = .double(number)
            return
        }
        guard let text = token.stringValue else { throw .wrongType(path, expected: "a token id or a string", got: token) }
        if text.utf8.count > Self.longest { throw .stringTooLong(path, maximum: Self.longest, got: text.utf8.count) }
        texts.append((text, Float(number)))
        if texts.count > Self.mostTexts { throw .arrayTooLong(path, maximum: Self.mostTexts, got: texts.count) }
    }
}
