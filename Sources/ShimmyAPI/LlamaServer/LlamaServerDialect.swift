package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The form of llama-server's completions: events, or one object; an array of objects if the request has several answers.
package struct LlamaServerDialect: AnswerDialect {
    private struct Choice: Sendable {
        var moments: AnswerMoments
        /// The content so far, for the complete answer.
        var content = ""
        /// The tokens that no value contains yet; all of them if the client does not stream.
        var tokens: [Token] = []
        var probabilities: [TokenProbability] = []
        var prompt = Usage(promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0)
        /// The number of tokens so far.
        var generated = 0
        var hasNewline = false
        var stoppingWord = ""

        var timings: JSON {
            LlamaServerTimings.json(
                moments, cached: prompt.cachedPromptTokens, computed: prompt.promptTokens - prompt.cachedPromptTokens, generated: generated)
        }
    }

    package static let framing = StreamFraming.endless

    package private(set) var whole: JSON?
    private let form: LlamaServerForm
    private let settings: JSONObject
    /// The prompts as texts, in the order of the request.
    private let prompts: [String]
    /// Whether a part of the prompt was dropped because it did not fit into the context.
    private let isTruncated: Bool
    private var choices: [Choice]
    /// The last values of the choices, for the complete answer.
    private var last: [JSON]

    /// - prompts: the texts of the prompts.
    /// - isTruncated: whether a part of the prompt was dropped because it did not fit into the context.
    /// - loaded: the time at which the model was loaded.
    package init(_ request: LlamaServerRequest, prompts: [String], contextLength: Int, isTruncated: Bool, loaded: ContinuousClock.Instant) {
        form = request.form
        var settings = request.settings
        settings["n_ctx"] = .int(contextLength)
        settings["model"] = .string(request.model)
        self.settings = settings
        self.prompts = prompts
        self.isTruncated = isTruncated
        let count = prompts.count * request.form.choices
        choices = Array(repeating: Choice(moments: AnswerMoments(loaded: loaded)), count: count)
        last = Array(repeating: .null, count: count)
    }

    package func begin() -> [JSON] { [] }

    package mutating func push(_ delta: AnswerDelta, choice: Int) -> [JSON] {
        guard case .content(let text, let probabilities) = delta else { return [] }
        choices[choice].moments.noteFirstPart()
        if text.utf8.contains(UInt8(ascii: "\n")) { choices[choice].hasNewline = true }
        guard form.streams else {
            choices[choice].content += text
            choices[choice].probabilities += probabilities
            return []
        }
        var value = beginning(choice, text, isLast: false)
        value["tokens_predicted"] = .int(choices[choice].generated)
        value["tokens_evaluated"] = .int(choices[choice].prompt.promptTokens)
        if form.timesTokens { value["timings"] = choices[choice].timings }
        if !probabilities.isEmpty { value["completion_probabilities"] = Self.list(probabilities) }
        return [.object(value)]
    }

    package mutating func push(_ fact: AnswerFact, choice: Int) -> [JSON] {
        switch fact {
        case .promptComputed(let usage): choices[choice].prompt = usage
        case .generated(let tokens):
            choices[choice].generated += tokens.count
            if form.returnsTokens { choices[choice].tokens += tokens }
        case .stopped(let word): choices[choice].stoppingWord = word
        case .begun, .tokens, .unfit: break
        }
        return []
    }

    package mutating func push(_ reason: FinishReason, choice: Int) -> [JSON] {
        let value = form.chosen(end(reason, choice))
        if form.streams { return [value] }
        last[choice] = value
        choices[choice].content = ""
        return []
    }

    package mutating func finish(_ usage: Usage, time: Int) -> [JSON] {
        if !form.streams { whole = last.count == 1 ? last[0] : .array(last) }
        return []
    }

    package mutating func fail(_ error: APIError) -> [JSON] { [LlamaServerErrors().body(of: error, requestID: "")] }
    package mutating func cancel() -> [JSON] { fail(.cancelled) }

    // MARK: Values

    /// Returns the first members of a value, and takes the tokens that no value contains yet.
    private mutating func beginning(_ choice: Int, _ content: String, isLast: Bool) -> JSONObject {
        defer { choices[choice].tokens = [] }
        return [
            "index": .int(choice), "content": .string(content), "tokens": .array(choices[choice].tokens.map { .int(Int($0)) }),
            // Sequences are not bound to slots that clients could choose.
            "id_slot": -1, "stop": .bool(isLast),
        ]
    }

    /// Returns the last value of a choice.
    private mutating func end(_ reason: FinishReason, _ choice: Int) -> JSONObject {
        var value = beginning(choice, choices[choice].content, isLast: true)
        let state = choices[choice]
        value["model"] = .string(form.model)
        value["tokens_predicted"] = .int(state.generated)
        value["tokens_evaluated"] = .int(state.prompt.promptTokens)
        value["generation_settings"] = .object(settings)
        value["prompt"] = .string(prompts[choice / form.choices])
        value["has_new_line"] = .bool(state.hasNewline)
        value["truncated"] = .bool(isTruncated)
        let type: JSON = reason == .length ? "limit" : state.stoppingWord.isEmpty ? "eos" : "word"
        value["stop_type"] = type
        value["stopping_word"] = .string(state.stoppingWord)
        value["tokens_cached"] = .int(state.prompt.cachedPromptTokens)
        value["timings"] = state.timings
        if !state.probabilities.isEmpty { value["completion_probabilities"] = Self.list(state.probabilities) }
        return value
    }

    private static func list(_ probabilities: [TokenProbability]) -> JSON {
        .array(
            probabilities.map { probability in
                var object = entry(probability.drawn)
                object["top_logprobs"] = .array(probability.top.map { .object(entry($0)) })
                return .object(object)
            })
    }

    private static func entry(_ entry: TokenProbability.Entry) -> JSONObject {
        var object: JSONObject = ["id": entry.token.map { .int(Int($0)) } ?? .null]
        for (name, value) in LogprobsEncoder.entry(entry) { object[name] = value }
        return object
    }
}
