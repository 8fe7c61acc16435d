package import ShimmyCore
import ShimmyEngine

package enum AnswerEvent: Sendable, Equatable {
    /// A choice's prompt, before everything else of it, where its log probabilities were asked for.
    case prompt(choice: Int, [PromptToken])
    case delta(choice: Int, AnswerDelta)
    /// Nothing new: somebody asked for a sign of life.
    case idle
    case finished(choice: Int, FinishReason)
    /// After all choices: the tokens of all of them.
    case ended(Usage)
}

/// All choices of one answer on their way, as parts of messages. Consumed by one task: the request's own.
///
/// Events come in the order in which the engine's news came. Tokens are read when they are asked for: a slow consumer makes nothing grow but
/// the streams, which are bounded by their limits of tokens. Dropping the answer or cancelling it stops the engine's work within one step.
package final class Answer {
    /// Cancels from any thread, for instance when a client hangs up.
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
        /// Makes the consumer see `.idle` as long as the answer has not ended, whichever of its choices run or wait.
        package func nudge() { streams.nudge() }
    }

    /// - streams: one for each choice.
    /// - promptTokens: of all prompts.
    /// - choicesPerPrompt: with several prompts, how many streams belong to each.
    /// - scores: for each choice, tells its prompt with the log probabilities that were asked for.
    /// - onStart: told for each choice what the cache had of the prompt.
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

    /// The next event; nil after `ended`. Throws `CancellationError` or `EngineError`.
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

    /// A prompt counts once; what was cached of it is what its first choice found.
    private func add(_ other: Usage, of choice: Int) {
        if choice % choicesPerPrompt == 0 { usage.cachedPromptTokens += other.cachedPromptTokens }
        usage.completionTokens += other.completionTokens
        usage.reasoningTokens += other.reasoningTokens
        usage.prediction.accepted += other.prediction.accepted
        usage.prediction.rejected += other.prediction.rejected
    }
}
