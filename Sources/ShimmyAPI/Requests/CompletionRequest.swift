package import ShimmyChat
import ShimmyCore
package import ShimmyJSON

/// `POST /v1/completions`, decoded and checked: texts as they are, without a chat template.
package struct CompletionRequest: Sendable, Equatable {
    package var model: String
    package var completion: TextRequest
    /// Whether the answer begins with its prompt.
    package var echo: Bool
    /// Choices that are told of each prompt: the likeliest of those that are generated.
    package var toldChoices: Int
    /// Whether the client wants log probabilities; they are also computed to choose by.
    package var tellsLogprobs: Bool
    package var stream: Bool
    package var includeUsage: Bool
    package var ignoredParameters: [String]

    package init(_ json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        ignoredParameters = try Compatibility.completions.check(fields.object)
        model = try fields.requiredString("model")
        var sampling = try SamplingDecoder.decode(fields)
        sampling.logprobs = try fields.integer("logprobs", in: 0...5).map { Int($0) }
        tellsLogprobs = sampling.logprobs != nil
        toldChoices = Int(try fields.integer("n", in: 1...128) ?? 1)
        let choices = try Self.generatedChoices(fields, told: toldChoices)
        if choices > toldChoices { sampling.logprobs = sampling.logprobs ?? 0 }
        completion = TextRequest(
            prompts: try Self.prompts(fields), suffix: try fields.string("suffix"),
            maximumTokens: Int(try fields.integer("max_tokens", in: 0...Int64(Int32.max)) ?? 16), sampling: sampling,
            stops: try SharedFields.stops(fields), choices: choices)
        echo = try fields.bool("echo") ?? false
        (stream, includeUsage) = try SharedFields.stream(fields)
        completion.scoresPrompt = echo && tellsLogprobs
        if echo, completion.suffix != nil { throw Self.contradiction("echo", "'suffix'") }
        if stream, choices > toldChoices { throw Self.contradiction("best_of", "'stream'") }
    }

    /// `best_of`: how many are generated for each prompt.
    private static func generatedChoices(_ fields: FieldReader, told: Int) throws(APIError) -> Int {
        guard let best = try fields.integer("best_of", in: 1...20) else { return told }
        guard best >= told else {
            throw APIError(
                status: 400, message: "Invalid 'best_of': it must be greater than or equal to 'n', which is \(told).", param: "best_of",
                code: "invalid_value")
        }
        return Int(best)
    }

    private static func contradiction(_ field: String, _ other: String) -> APIError {
        APIError(
            status: 400, message: "Invalid '\(field)': it cannot be used together with \(other).", param: field, code: "invalid_value")
    }

    /// A text, several, a text's tokens, or several texts' tokens.
    private static func prompts(_ fields: FieldReader) throws(APIError) -> [TextRequest.Prompt] {
        let path = fields.path(to: "prompt")
        let value = try fields.required("prompt")
        if let text = value.stringValue { return [.text(text)] }
        guard let elements = value.arrayValue else { throw .wrongType(path, expected: "a string or an array", got: value) }
        guard let first = elements.first else { throw .emptyArray(path) }
        if first.intValue != nil { return [.tokens(try tokens(elements, path))] }
        if elements.count > 2048 { throw .arrayTooLong(path, maximum: 2048, got: elements.count) }
        var prompts: [TextRequest.Prompt] = []
        for (index, element) in elements.enumerated() {
            if let text = element.stringValue {
                prompts.append(.text(text))
            } else if let list = element.arrayValue, !list.isEmpty {
                prompts.append(.tokens(try tokens(list, path.index(index))))
            } else {
                throw .wrongType(path.index(index), expected: "a string or an array of integers", got: element)
            }
        }
        return prompts
    }

    private static func tokens(_ elements: [JSON], _ path: JSONPath) throws(APIError) -> [Token] {
        var tokens: [Token] = []
        for (index, element) in elements.enumerated() {
            guard let token = element.intValue.flatMap({ Token(exactly: $0) }) else {
                throw .wrongType(path.index(index), expected: "an integer", got: element)
            }
            tokens.append(token)
        }
        return tokens
    }
}
