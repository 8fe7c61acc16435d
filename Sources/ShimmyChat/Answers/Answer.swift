package import ShimmyCore
import ShimmyEngine

package enum AnswerEvent: Sendable, Equatable {
    /// The prompt of a choice, before its other events. Sent only if the request asked for the prompt's log probabilities.
    case prompt(choice: Int, [PromptToken])
    case delta(choice: Int, AnswerDelta)
    /// No news, in response to `Canceller.nudge()`.
    case idle
    case finished(choice: Int, FinishReason)
    /// The token counts of all choices, after all of them have finished.
    case ended(Usage)
}

/// All choices of one answer in progress, as parts of messages. Consumed by one task, that of the request.
///
/// Events keep the order of the engine's deliveries. The consumer pulls tokens, so a slow consumer only makes the streams grow, and their token
/// limits bound them. Dropping or cancelling the answer stops the engine's work within one step.
package final class Answer {
    /// Cancels the answer from any thread, for instance when a client disconnects.
    package let canceller: Canceller
    package let report: AnswerReport
    private let streams: StreamGroup
    private let generations: [Generation]
    private var queued: [(choice: Int, event: GenerationEvent)] = []
    private var finished = 0
    private var usage: Usage
    private let choicesPerPrompt: Int

    package struct Canceller: Sendable {
        fileprivate let streams: StreamGroup

        package func cancel() { streams.cancel() }
        /// Makes the consumer receive `.idle` unless the answer has ended. Works regardless of which choices are running or waiting.
        package func nudge() { streams.nudge() }
    }

    /// Creates an answer from the engine's streams.
    /// - streams: one stream for each choice.
    /// - promptTokens: the number of tokens of all prompts.
    /// - choicesPerPrompt: the number of streams for each prompt.
    /// - scores: for each choice, a function that returns its prompt with the requested log probabilities.
    /// - onStart: called for each choice with the cached part of its prompt.
    init(
        streams: [TokenStream], vocabulary: any Vocabulary, style: AnswerStyle, promptTokens: Int, choicesPerPrompt: Int = .max,
        report: AnswerReport = AnswerReport(), scores: [@Sendable ([TokenLogprobs]) -> [PromptToken]] = [],
        onStart: @escaping @Sendable (_ choice: Int, PromptStart) -> Void = { _, _ in }
    ) {
        self.streams = StreamGroup(streams)
        canceller = Canceller(streams: self.streams)
        self.choicesPerPrompt = choicesPerPrompt
        self.report = report
        usage = Usage(promptTokens: promptTokens, cachedPromptTokens: 0, completionTokens: 0)
        generations = streams.indices.map { choice in
            let told = scores.indices.contains(choice) ? scores[choice] : nil
            return Generation(text: AnswerText(vocabulary: vocabulary, style: style), promptTokens: promptTokens, scores: told) {
                onStart(choice, $0)
            }
        }
    }

    deinit { canceller.cancel() }

    /// Returns the next event; nil after `ended`. Throws `CancellationError` or `EngineError`.
    package func nextEvent() async throws -> AnswerEvent? {
        if queued.isEmpty, finished == generations.count {
            finished += 1
            return .ended(usage)
        }
        guard finished < generations.count else { return nil }
        while queued.isEmpty {
            switch try await streams.next() {
            case .nudge: return .idle
            case .delivery(let choice, let delivery):
                queued = try await generations[choice].take(delivery).map { (choice, $0) }
                if generations[choice].isFinished { streams.close(choice) }
            }
        }
        let (choice, event) = queued.removeFirst()
        switch event {
        case .prompt(let tokens): return .prompt(choice: choice, tokens)
        case .delta(let delta): return .delta(choice: choice, delta)
        case .finished(let reason, let usage):
            add(usage, of: choice)
            finished += 1
            return .finished(choice: choice, reason)
        }
    }

    /// A prompt counts once. The number of its cached tokens is the one that its first choice reported.
    private func add(_ other: Usage, of choice: Int) {
        if choice % choicesPerPrompt == 0 { usage.cachedPromptTokens += other.cachedPromptTokens }
        usage.completionTokens += other.completionTokens
        usage.reasoningTokens += other.reasoningTokens
        usage.prediction.accepted += other.prediction.accepted
        usage.prediction.rejected += other.prediction.rejected
    }
}
