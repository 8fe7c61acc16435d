package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /completion` or `POST /infill`.
///
/// A request is translated to a completion of OpenAI's API, to which the model's preset applies. Errors name the client's fields.
package struct LlamaServerRequest: AnswerRequest {
    package let model: String
    package let stream: Bool
    package let keepAlive: KeepAlive?
    package let ignoredParameters: ReportedNames
    /// The work. `put(_:at:)` completes prompts that consist of several pieces.
    package private(set) var text: TextRequest
    /// The prompts that consist of several pieces, by index.
    package private(set) var mixedPrompts: [Int: LlamaServerPrompt] = [:]
    /// The texts whose tokens get a bias.
    package let biasedTexts: [(text: String, bias: Float)]
    /// The form of the answer.
    package let form: LlamaServerForm
    /// The client's fields whose values the preset replaced.
    package let forced: [String]
    private let names: FieldNames

    /// Decodes a request of `POST /completion`.
    package init(completion json: JSON, preset: RequestPreset = .none, recorder: FieldRecorder? = nil) throws(APIError) {
        let reader = try FieldReader(json, path: .root, recorder: recorder)
        let fields = try LlamaServerFields(reader, LlamaServerRows.completion)
        let prompts = try LlamaServerPrompt.prompts(reader, "prompt")
        try self.init(fields, preset, prompts: prompts.map { $0.single ?? .tokens([]) })
        for (index, prompt) in prompts.enumerated() where prompt.single == nil { mixedPrompts[index] = prompt }
    }

    /// Decodes a request of `POST /infill`.
    package init(infill json: JSON, preset: RequestPreset = .none, recorder: FieldRecorder? = nil) throws(APIError) {
        let reader = try FieldReader(json, path: .root, recorder: recorder)
        let fields = try LlamaServerFields(reader, LlamaServerRows.infill)
        let (prefix, suffix) = (try reader.requiredString("input_prefix"), try reader.requiredString("input_suffix"))
        let gap = TextGap(suffix: suffix, files: try Self.files(reader))
        // The prompt is the beginning of the line with the gap.
        let before = prefix + (try reader.string("prompt") ?? "")
        try self.init(fields, preset, prompts: [.text(before)])
        text.gap = gap
    }

    private init(_ fields: LlamaServerFields, _ preset: RequestPreset, prompts: [TextRequest.Prompt]) throws(APIError) {
        let applied = preset.applied(to: .object(fields.request), of: Compatibility.completions)
        var completed = applied.request.objectValue ?? [:]
        // Without a limit, the answer may fill the context.
        completed["max_tokens"] = completed["max_tokens"] ?? .int(Int(Int32.max))
        let decoded: CompletionRequest
        do {
            decoded = try CompletionRequest(.object(completed), limits: .llamaServer)
        } catch {
            throw fields.names.renaming(error)
        }
        (model, stream, keepAlive) = (fields.model, fields.stream, decoded.keepAlive)
        var ignored = fields.ignored
        for name in decoded.ignoredParameters.names { ignored.append(fields.names.name(of: name) ?? name) }
        ignoredParameters = ignored
        forced = applied.replaced.compactMap { fields.names.name(of: $0) }
        biasedTexts = fields.bias.texts
        names = fields.names
        text = decoded.completion
        text.prompts = prompts
        text.stops = fields.stops.all(of: text.stops)
        text.sampling.logprobs = fields.logprobs
        text.clampsMaximumTokens = true
        text.form = fields.form
        text.lines = fields.lines
        text.wantsTokens = true
        form = LlamaServerForm(
            model: model, streams: stream, choices: text.choices, responseFields: fields.responseFields, timesTokens: fields.timesTokens,
            returnsTokens: fields.returnsTokens || stream)
    }

    private static let mostFiles = 256

    /// Returns the other files of the request's project.
    private static func files(_ reader: FieldReader) throws(APIError) -> [TextGap.File] {
        var files: [TextGap.File] = []
        for (index, element) in try reader.objects("input_extra", most: mostFiles).enumerated() {
            let file = try reader.element(element, of: "input_extra", at: index)
            files.append(TextGap.File(name: try file.string("filename") ?? "tmp", text: try file.requiredString("text")))
        }
        return files
    }

    // MARK: With the model

    /// Replaces a prompt by its tokens.
    package mutating func put(_ tokens: [Token], at index: Int) { text.prompts[index] = .tokens(tokens) }

    /// Adds a bias to tokens.
    package mutating func add(_ bias: Float, to tokens: [Token]) {
        for token in tokens { text.sampling.bias[token] = bias }
    }

    /// Returns the error for the client if the model cannot serve the request.
    package func error(_ error: GenerationError) -> APIError {
        if case .noInfill = error {
            return APIError(
                status: 400, message: "This model does not support infilling: it has no tokens for it.", param: "model",
                code: "unsupported_parameter")
        }
        return names.renaming(APIError(error, input: text.gap == nil ? "prompt" : "input_prefix", choices: "n_cmpl"))
    }

    /// The settings of the request, as in the response.
    package var settings: JSONObject { LlamaServerSettings.json(text, form) }

    /// The parameters of requests that set none and whose model recommends none: llama-server's.
    private static let usualSampling: JSONObject = ["temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05]

    /// Returns the sampling parameters for a model's requests, where neither the client nor the preset sets them.
    /// - recommended: the parameters that the model's makers recommend.
    package static func sampling(recommended: JSONObject) -> JSONObject {
        recommended.reduce(into: usualSampling) { sampling, field in sampling[field.key] = field.value }
    }
}
