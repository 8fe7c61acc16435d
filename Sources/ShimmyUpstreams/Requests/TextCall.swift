package import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// Translates a request for continuations of texts into text completions of an upstream.
package enum TextCall {
    /// Returns the call. Throws `UpstreamFailure` if the upstream cannot serve the request.
    package static func make(
        _ request: TextRequest, model: String, maximumTokens: Int?, kind: UpstreamKind, settings: UpstreamSettings, user: String?
    ) throws(UpstreamFailure) -> UpstreamCall {
        let fields = UpstreamFields.of(kind, at: settings)
        if let field = obstacle(request, kind, fields) { throw .unsupported(settings.name, field: field, kind) }
        var body: JSONObject = ["model": .string(model), "stream": true, "stream_options": ["include_usage": true]]
        if kind == .vllm { body["stream_options"] = ["include_usage": true, "continuous_usage_stats": true] }
        var writer = SamplingFields(body, kind, fields, isCompletion: true)
        writer.write(request.sampling)
        let most = maximumTokens.map { min($0, request.maximumTokens) } ?? request.maximumTokens
        writer.set("max_tokens", .int(most))
        if let logprobs = request.sampling.logprobs { writer.set(.logprobs, .int(logprobs)) }
        if let suffix = request.suffix { writer.set("suffix", .string(suffix)) }
        let stops = request.stops.prefix(fields.stops ?? .max)
        if !stops.isEmpty { writer.set("stop", .array(stops.map(JSON.string))) }
        if let user { writer.set("user", .string(user)) }
        if let adapters = request.adapters, !adapters.isEmpty { writer.set(.adapters, ChatCall.adapters(adapters)) }
        write(request.form, kind, &writer)

        let isTogether = isTogether(request, fields)
        if isTogether, request.choices > 1 { writer.set(.choices, .int(request.choices)) }
        var call = UpstreamCall(
            path: "/v1/completions", bodies: isTogether ? [] : bodies(request, writer),
            choicesPerBody: isTogether ? request.prompts.count.saturated(multipliedBy: max(1, request.choices)) : 1)
        if isTogether {
            var body = writer.json
            body["prompt"] = request.prompts.count == 1 ? json(request.prompts[0]) : .array(request.prompts.map(json))
            call.bodies = [body]
        }
        call.ownStops = Array(request.stops.dropFirst(fields.stops ?? .max))
        call.isEmpty = kind == .llamaServer && most == 0
        call.report.withoutEffect = writer.withoutEffect
        if request.lines.map({ $0.indentation > 0 }) ?? false { call.report.withoutEffect.append("n_indent") }
        if request.lines?.duration != nil { call.report.withoutEffect.append("t_max_predict_ms") }
        call.apply(settings)
        return call
    }

    /// Returns the name of a field that the upstream does not support; nil if it supports all of them.
    private static func obstacle(_ request: TextRequest, _ kind: UpstreamKind, _ fields: UpstreamFields) -> String? {
        if !kind.takesTexts { return "prompt" }
        if request.gap != nil { return "input_suffix" }
        if request.suffix != nil, !fields.takesSuffix { return "suffix" }
        if request.scoresPrompt { return "echo" }
        if request.form != nil, fields.name(.grammar) == nil { return "grammar" }
        let count = request.prompts.count.saturated(multipliedBy: max(1, request.choices))
        if !isTogether(request, fields), count > UpstreamLimits.requests { return "prompt" }
        if !fields.takesTokens, request.prompts.contains(where: { if case .tokens = $0 { true } else { false } }) { return "prompt" }
        return nil
    }

    /// Returns whether one request has all prompts and choices.
    private static func isTogether(_ request: TextRequest, _ fields: UpstreamFields) -> Bool {
        fields.takesPrompts && (request.choices <= 1 || fields.takesChoices(request.sampling))
    }

    private static func write(_ form: TextForm?, _ kind: UpstreamKind, _ writer: inout SamplingFields) {
        switch (form, kind) {
        case (nil, _): break
        case (.grammar(let grammar)?, .vllm): writer.set("structured_outputs", ["grammar": .string(grammar)])
        case (.grammar(let grammar)?, _): writer.set(.grammar, .string(grammar))
        case (.schema(let schema)?, .vllm): writer.set("structured_outputs", ["json": schema])
        case (.schema(let schema)?, .sglang): writer.set("json_schema", .string(schema.text))
        case (.schema(let schema)?, _): writer.set("json_schema", schema)
        }
    }

    /// Returns a body for each answer to each prompt.
    private static func bodies(_ request: TextRequest, _ writer: SamplingFields) -> [JSONObject] {
        request.prompts.flatMap { prompt in
            writer.bodies(choices: request.choices, seed: request.sampling.seed).map { body in
                var body = body
                body["prompt"] = json(prompt)
                return body
            }
        }
    }

    static func json(_ prompt: TextRequest.Prompt) -> JSON {
        switch prompt {
        case .text(let text): .string(text)
        case .tokens(let tokens): .array(tokens.map { .int(Int($0)) })
        }
    }
}
