package import ShimmyChat
import ShimmyCore
package import ShimmyJSON

/// `POST /v1/completions`, decoded and checked: texts as they are, without a chat template.
package struct CompletionRequest: Sendable, Equatable {
    package var model: String
    package var completion: TextRequest
    /// Whether the answer begins with its prompt.
    package var echo: Bool
    package var stream: Bool
    package var includeUsage: Bool
    package var ignoredParameters: [String]

    package init(_ json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        ignoredParameters = try Compatibility.completions.check(fields.object)
        model = try fields.requiredString("model")
        var sampling = try SamplingDecoder.decode(fields)
        sampling.logprobs = try fields.integer("logprobs", in: 0...5).map { Int($0) }
        let choices = Int(try fields.integer("n", in: 1...128) ?? 1)
        completion = TextRequest(
            prompts: try Self.prompts(fields), suffix: try fields.string("suffix"),
            maximumTokens: Int(try fields.integer("max_tokens", in: 0...Int64(Int32.max)) ?? 16), sampling: sampling,
            stops: try SharedFields.stops(fields), choices: choices)
        echo = try fields.bool("echo") ?? false
        (stream, includeUsage) = try SharedFields.stream(fields)
        try refuseWhatIsMissing(fields, choices)
    }

    /// The log probabilities of a prompt are not computed, and answers are not chosen among.
    private func refuseWhatIsMissing(_ fields: FieldReader, _ choices: Int) throws(APIError) {
        if let best = try fields.integer("best_of", in: 1...20), Int(best) != choices {
            throw .unsupportedValue(fields.path(to: "best_of"), "\(best)", supported: ["\(choices)"])
        }
        if completion.maximumTokens == 0 { throw .unsupportedValue(fields.path(to: "max_tokens"), "0", supported: ["1 and more"]) }
        if echo, completion.sampling.logprobs != nil { throw .unsupportedValue(fields.path(to: "echo"), "true", supported: ["false, with logprobs"]) }
        if echo, completion.suffix != nil {
            throw APIError(
                status: 400, message: "Invalid 'echo': it cannot be used together with 'suffix'.", param: "echo", code: "invalid_value")
        }
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
