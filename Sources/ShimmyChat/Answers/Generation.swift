import ShimmyCore
import ShimmyEngine

/// The tokens of a prompt and the beginning of its answer, from which a later prompt can continue.
struct TokenHistory: Sendable {
    var tokens: [Token]
    /// The token that ends the model's turn; nil if the model has none. The engine does not deliver it.
    let turnEnd: Token?

    mutating func endTurn() { if let turnEnd { tokens.append(turnEnd) } }
}

enum GenerationEvent: Sendable, Equatable {
    /// The tokens of the prompt with their log probabilities, before all other events.
    case prompt([PromptToken])
    case delta(AnswerDelta)
    case fact(AnswerFact)
    case finished(FinishReason, Usage)
}

/// Converts the tokens of one choice to parts of a message. Used by one task at a time.
final class Generation {
    private var text: AnswerText
    private var usage: Usage
    private var started = false
    /// Whether the choice has returned its `finished` event.
    private(set) var isFinished = false
    /// Returns the prompt with its log probabilities; nil if the request did not ask for them.
    private let scores: (([TokenLogprobs]) -> [PromptToken])?
    /// The tokens so far; nil if the request did not ask for them.
    private var history: TokenHistory?
    /// Whether to return the tokens of the answer beside its parts.
    private let tellsTokens: Bool
    private let onStart: @Sendable (PromptStart) -> Void

    init(
        text: AnswerText, promptTokens: Int, scores: (([TokenLogprobs]) -> [PromptToken])? = nil, history: TokenHistory? = nil,
        tellsTokens: Bool = false, onStart: @escaping @Sendable (PromptStart) -> Void = { _ in }
    ) {
        self.scores = scores
        self.history = history
        self.tellsTokens = tellsTokens
        self.onStart = onStart
        self.text = text
        self.usage = Usage(promptTokens: promptTokens, cachedPromptTokens: 0, completionTokens: 0)
    }

    /// Returns the events of a delivery. After `finished` the stream is not needed anymore.
    /// Throws `CancellationError` if the task is cancelled during a parse on the worker pool.
    func take(_ delivery: TokenDelivery) async throws -> [GenerationEvent] {
        guard !isFinished else { return [] }
        var events: [GenerationEvent] = []
        if let start = delivery.start, !started {
            started = true
            usage.cachedPromptTokens = start.cachedTokens
            onStart(start)
            if let scores { events.append(.prompt(scores(delivery.promptLogprobs))) }
            if let begun = start.begun { events.append(.fact(.begun(begun))) }
            events.append(.fact(.promptComputed(usage)))
        }
        let output = try await reading(delivery.tokens.count) { $0.push(delivery.tokens, logprobs: delivery.logprobs) }
        usage.completionTokens += output.tokens
        usage.reasoningTokens += output.thinkingTokens
        if tellsTokens, output.tokens > 0 { events.append(.fact(.generated(Array(delivery.tokens.prefix(output.tokens))))) }
        events += output.deltas.map(GenerationEvent.delta)
        history?.tokens += delivery.tokens.prefix(output.tokens)
        if output.stopped {
            isFinished = true
            addLastFacts(to: &events)
            events.append(.finished(reason(text.isLimited ? .length : .stop), usage))
        } else if let end = delivery.end {
            isFinished = true
            usage.completionTokens = end.generated
            usage.prediction = end.prediction
            events += try await reading(0) { $0.finish(isCut: end.reason == .length) }.map(GenerationEvent.delta)
            if end.reason == .stop { history?.endTurn() }
            addLastFacts(to: &events)
            events.append(.finished(reason(end.reason), usage))
        }
        return events
    }

    /// Reads more of the answer, on the worker pool if that takes long.
    /// - tokens: the number of tokens to read.
    private func reading<Result: Sendable>(_ tokens: Int, _ read: @escaping @Sendable (inout AnswerText) -> Result) async throws -> Result {
        guard text.isHeavy(tokens) else { return read(&text) }
        let before = text
        let (after, result) = try await WorkerPool.input.run { _ in
            var text = before
            let result = read(&text)
            return (text, result)
        }
        text = after
        return result
    }

    private func addLastFacts(to events: inout [GenerationEvent]) {
        if let history { events.append(.fact(.tokens(history.tokens))) }
        if let stop = text.foundStop { events.append(.fact(.stopped(by: stop))) }
    }

    private func reason(_ reason: FinishReason) -> FinishReason { reason == .stop && text.hasCalls ? .toolCalls : reason }
}
