package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The encoder of the answers of `/api/chat` and `/api/generate`: the values of a stream and the complete answer have the same shape.
package struct OllamaAnswer: Sendable {
    /// A part of an answer, or all of it.
    struct Part: Sendable {
        var content = ""
        var thinking = ""
        var calls: [JSON] = []
        var probabilities: [TokenProbability] = []

        var isEmpty: Bool { content.isEmpty && thinking.isEmpty && calls.isEmpty && probabilities.isEmpty }
    }

    private let route: OllamaRoute
    private let model: String
    fileprivate let toolNames: OllamaToolNames

    package init(_ route: OllamaRoute, model: String) {
        (self.route, self.model, toolNames) = (route, model, OllamaToolNames())
    }

    package init(to request: OllamaRequest) {
        (route, model, toolNames) = (request.route, request.model, request.toolNames)
    }

    /// Returns the answer to a request that only loads or frees a model.
    /// - reason: `load` or `unload`.
    package func withoutText(_ reason: String) -> JSON { value(Part(), end: ["done_reason": .string(reason)]) }

    /// - end: the members that only the last value has; nil for the other values.
    func value(_ part: Part, end: JSONObject? = nil) -> JSON {
        var object: JSONObject = ["model": .string(model), "created_at": .string(OllamaTime.now)]
        switch route {
        case .chat: object["message"] = message(part)
        case .generate:
            object["response"] = .string(part.content)
            if !part.thinking.isEmpty { object["thinking"] = .string(part.thinking) }
        }
        object["done"] = .bool(end != nil)
        if !part.probabilities.isEmpty { object["logprobs"] = LogprobsEncoder.list(part.probabilities) }
        for (name, value) in end ?? [:] { object[name] = value }
        return .object(object)
    }

    private func message(_ part: Part) -> JSON {
        var message: JSONObject = ["role": "assistant", "content": .string(part.content)]
        if !part.thinking.isEmpty { message["thinking"] = .string(part.thinking) }
        if !part.calls.isEmpty { message["tool_calls"] = .array(part.calls) }
        return .object(message)
    }

    /// Returns the members of the last value.
    /// - tokens: the tokens of prompt and answer; empty for an answer from which no request can continue.
    func end(_ reason: FinishReason, _ usage: Usage, _ moments: OllamaMoments, tokens: [Token]) -> JSONObject {
        var object: JSONObject = ["done_reason": reason == .length ? "length" : "stop"]
        if !tokens.isEmpty { object["context"] = .array(tokens.map { .int(Int($0)) }) }
        let now = ContinuousClock.now
        for (name, value) in moments.total(until: now) { object[name] = value }
        object["prompt_eval_count"] = .int(usage.promptTokens)
        object["prompt_eval_duration"] = moments.prompt(until: now)
        object["eval_count"] = .int(usage.completionTokens)
        object["eval_duration"] = moments.answer(until: now)
        return object
    }
}

/// The form of Ollama's answers: lines of JSON, or one object.
package struct OllamaDialect: AnswerDialect {
    private struct Call: Sendable {
        let id: String
        let name: String
        var arguments = ""
    }

    package static let framing = StreamFraming.lines

    package private(set) var whole: JSON?
    private let answer: OllamaAnswer
    private let streams: Bool
    private var moments: OllamaMoments
    /// The part of the answer that was not sent yet; all of it if the client does not stream.
    private var part = OllamaAnswer.Part()
    /// The last call, whose arguments may grow.
    private var call: Call?
    private var callCount = 0
    private var reason = FinishReason.stop
    private var tokens: [Token] = []

    package init(_ answer: OllamaAnswer, streams: Bool, moments: OllamaMoments) {
        self.answer = answer
        self.streams = streams
        self.moments = moments
    }

    package func begin() -> [JSON] { [] }

    package mutating func push(_ delta: AnswerDelta, choice: Int) -> [JSON] {
        moments.noteFirstPart()
        switch delta {
        case .content(let text, let probabilities):
            part.content += text
            part.probabilities += probabilities
        case .reasoning(let text): part.thinking += text
        case .call(_, let id, let name):
            endCall()
            call = Call(id: id ?? CallDialect.newCallID(), name: name)
        case .arguments(_, let more): call?.arguments += more
        }
        return values()
    }

    package mutating func push(_ fact: AnswerFact, choice: Int) -> [JSON] {
        if case .tokens(let tokens) = fact { self.tokens = tokens }
        return []
    }

    package mutating func push(_ reason: FinishReason, choice: Int) -> [JSON] {
        self.reason = reason
        endCall()
        return values()
    }

    package mutating func finish(_ usage: Usage, time: Int) -> [JSON] {
        let last = answer.value(part, end: answer.end(reason, usage, moments, tokens: tokens))
        if streams { return [last] }
        whole = last
        return []
    }

    package mutating func fail(_ error: APIError) -> [JSON] { [OllamaErrors().body(of: error, requestID: "")] }
    package mutating func cancel() -> [JSON] { fail(.cancelled) }

    /// Returns a value for the part that was not sent yet; none if there is nothing to send.
    private mutating func values() -> [JSON] {
        guard streams, !part.isEmpty else { return [] }
        defer { part = OllamaAnswer.Part() }
        return [answer.value(part)]
    }

    /// Adds the last call to the answer. Ollama's calls are whole, with an object as arguments, so a call that a limit cut off is omitted.
    private mutating func endCall() {
        guard let last = call else { return }
        call = nil
        guard let arguments = (try? JSON.parse(last.arguments))?.objectValue else { return }
        let name = JSON.string(answer.toolNames.forClient(last.name))
        let function: JSON = ["index": .int(callCount), "name": name, "arguments": .object(arguments)]
        part.calls.append(["id": .string(last.id), "function": function])
        callCount += 1
    }
}
