package import ShimmyCore
import ShimmyEngine

/// Tokens of a request, as every dialect reports them.
package struct Usage: Sendable, Equatable {
    package var promptTokens: Int
    /// Part of the prompt tokens that did not have to be computed.
    package var cachedPromptTokens: Int
    package var completionTokens: Int
    /// Part of the completion tokens that were thinking.
    package var reasoningTokens: Int
    /// Tokens of the client's prediction that came true, and that did not.
    package var prediction: PredictionCount

    package init(
        promptTokens: Int, cachedPromptTokens: Int, completionTokens: Int, reasoningTokens: Int = 0, prediction: PredictionCount = .init()
    ) {
        self.reasoningTokens = reasoningTokens
        self.prediction = prediction
        self.promptTokens = promptTokens
        self.cachedPromptTokens = cachedPromptTokens
        self.completionTokens = completionTokens
    }
}

enum GenerationEvent: Sendable, Equatable {
    /// The prompt's tokens and how likely they were; before everything else.
    case prompt([PromptToken])
    case delta(AnswerDelta)
    case finished(FinishReason, Usage)
}

/// Turns the tokens of one choice into parts of a message. Used by one task at a time.
final class Generation {
    private var text: AnswerText
    private var usage: Usage
    private var started = false
    /// Whether it has told its end.
    private(set) var isFinished = false
    /// Tells the prompt with its log probabilities, where they were asked for.
    private let scores: (([TokenLogprobs]) -> [PromptToken])?
    private let onStart: @Sendable (PromptStart) -> Void

    init(
        text: AnswerText, promptTokens: Int, scores: (([TokenLogprobs]) -> [PromptToken])? = nil,
        onStart: @escaping @Sendable (PromptStart) -> Void = { _ in }
    ) {
        self.scores = scores
        self.onStart = onStart
        self.text = text
        self.usage = Usage(promptTokens: promptTokens, cachedPromptTokens: 0, completionTokens: 0)
    }

    /// What a delivery of the choice's stream says. After `finished` the stream is not needed any more.
    /// Throws `CancellationError` when its task is cancelled while a long answer is read.
    func take(_ delivery: TokenDelivery) async throws -> [GenerationEvent] {
        guard !isFinished else { return [] }
        var events: [GenerationEvent] = []
        if let start = delivery.start, !started {
            started = true
            usage.cachedPromptTokens = start.cachedTokens
            onStart(start)
            if let scores { events.append(.prompt(scores(delivery.promptLogprobs))) }
        }
        let output = try await reading { $0.push(delivery.tokens, logprobs: delivery.logprobs) }
        usage.completionTokens += output.tokens
        usage.reasoningTokens += output.thinkingTokens
        events += output.deltas.map(GenerationEvent.delta)
        if output.stopped {
            isFinished = true
            events.append(.finished(reason(.stop), usage))
        } else if let end = delivery.end {
            isFinished = true
            usage.completionTokens = end.generated
            usage.prediction = end.prediction
            events += try await reading { $0.finish(isCut: end.reason == .length) }.map(GenerationEvent.delta)
            events.append(.finished(reason(end.reason), usage))
        }
        return events
    }

    /// Reads on in the answer, on the worker pool where that takes long.
    private func reading<Result: Sendable>(_ read: @escaping @Sendable (inout AnswerText) -> Result) async throws -> Result {
        guard text.isHeavy else { return read(&text) }
        let before = text
        let (after, result) = try await WorkerPool.input.run { _ in
            var text = before
            let result = read(&text)
            return (text, result)
        }
        text = after
        return result
    }

    private func reason(_ reason: FinishReason) -> FinishReason { reason == .stop && text.hasCalls ? .toolCalls : reason }
}
