package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The decoded and checked request of `POST /v1/completions`: texts without a chat template.
package struct CompletionRequest: Sendable, Equatable {
    package var model: String
    package var completion: TextRequest
    /// Whether the answer starts with its prompt.
    package var echo: Bool
    /// The number of choices per prompt to return: the most likely of those that are generated.
    package var toldChoices: Int
    /// Whether the client wants log probabilities. The server also computes them to select the most likely choices.
    package var tellsLogprobs: Bool
    package var stream: Bool
    /// How long the model stays loaded after the request; nil to leave the current setting as it is.
    package var keepAlive: KeepAlive?
    package var includeUsage: Bool
    package var ignoredParameters: ReportedNames

    /// - limits: the limits of the client's API.
    package init(_ json: JSON, limits: SamplingLimits = .openAI, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        ignoredParameters = try Compatibility.completions.check(fields.object)
        model = try fields.requiredString("model")
        var sampling = try SamplingDecoder.decode(fields, limits)
        sampling.logprobs = try fields.integer("logprobs", in: 0...5).map { Int($0) }
        tellsLogprobs = sampling.logprobs != nil
        toldChoices = Int(try fields.integer("n", in: 1...128) ?? 1)
        let choices = try Self.generatedChoices(fields, told: toldChoices)
        if choices > toldChoices { sampling.logprobs = sampling.logprobs ?? 0 }
        completion = TextRequest(
            prompts: try PromptDecoder.prompts(fields, "prompt", most: 2048), suffix: try fields.string("suffix").flatMap { $0.isEmpty ? nil : $0 },
            maximumTokens: Int(try fields.integer("max_tokens", in: 0...Int64(Int32.max)) ?? 16), sampling: sampling,
            stops: try SharedFields.stops(fields), choices: choices)
        echo = try fields.bool("echo") ?? false
        (stream, includeUsage) = try SharedFields.stream(fields)
        keepAlive = try SharedFields.keepAlive(fields)
        try SharedFields.checkEndUser(fields, "user")
        completion.scoresPrompt = echo && tellsLogprobs
        completion.adapters = try AdapterDecoder.decode(fields)
        if echo, completion.suffix != nil { throw Self.contradiction("echo", "'suffix'") }
        if stream, choices > toldChoices { throw Self.contradiction("best_of", "'stream'") }
    }

    /// Returns the number of choices to generate for each prompt (`best_of`).
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
}
