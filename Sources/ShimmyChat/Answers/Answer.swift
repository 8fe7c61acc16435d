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
/// Dropping it or cancelling it stops the engine's work within one step.
package final class Answer {
    /// Cancels from any thread, for instance when a client hangs up.
    package let canceller: Canceller
    /// What was changed in the conversation for the model's template, see `RenderedPrompt`.
    package let normalizations: [String]
    private let next: Next
    private var finished = 0
    private var usage: Usage
    private let choicesPerPrompt: Int

    private enum Next {
        case only(Generation)
        /// Each choice has a task that reads its tokens; what they bring comes in the order in which it came about.
        case merged(AsyncThrowingStream<(Int, GenerationEvent), any Error>)
    }

    package struct Canceller: Sendable {
        fileprivate let streams: [TokenStream]

        package func cancel() { for stream in streams { stream.cancel() } }
        /// Makes the consumer see `.idle`.
        package func nudge() { streams.first?.nudge() }
    }

    /// - streams: one for each choice.
    /// - promptTokens: of all prompts.
    /// - choicesPerPrompt: with several prompts, how many streams belong to each.
    /// - normalizations: what was changed in the conversation.
    /// - scores: for each choice, tells its prompt with the log probabilities that were asked for.
    /// - onStart: told for each choice what the cache had of the prompt.
    init(
        streams: [TokenStream], vocabulary: any Vocabulary, style: AnswerStyle, promptTokens: Int, choicesPerPrompt: Int = .max,
        normalizations: [String] = [], scores: [@Sendable ([TokenLogprobs]) -> [PromptToken]] = [],
        onStart: @escaping @Sendable (_ choice: Int, PromptStart) -> Void = { _, _ in }
    ) {
        canceller = Canceller(streams: streams)
        self.choicesPerPrompt = choicesPerPrompt
        self.normalizations = normalizations
        usage = Usage(promptTokens: promptTokens, cachedPromptTokens: 0, completionTokens: 0)
        let generation: @Sendable (Int, TokenStream) -> Generation = { choice, stream in
            let text = AnswerText(vocabulary: vocabulary, style: style)
            let told = scores.indices.contains(choice) ? scores[choice] : nil
            return Generation(stream: stream, text: text, promptTokens: promptTokens, scores: told) { onStart(choice, $0) }
        }
        next = streams.count == 1 ? .only(generation(0, streams[0])) : .merged(Self.merge(streams, generation))
    }

    deinit { canceller.cancel() }

    private static func merge(
        _ streams: [TokenStream], _ generation: @escaping @Sendable (Int, TokenStream) -> Generation
    ) -> AsyncThrowingStream<(Int, GenerationEvent), any Error> {
        // What is buffered is bounded by the choices' own limits of tokens.
        let (events, continuation) = AsyncThrowingStream<(Int, GenerationEvent), any Error>.makeStream()
        for (choice, stream) in streams.enumerated() {
            Task {
                do {
                    let generation = generation(choice, stream)
                    while let event = try await generation.next() { continuation.yield((choice, event)) }
                } catch {
                    continuation.finish(throwing: error)
                }
            }
        }
        return events
    }

    /// The next event; nil after `ended`. Throws `CancellationError` or `EngineError`.
    package func nextEvent() async throws -> AnswerEvent? {
        if finished == canceller.streams.count {
            finished += 1
            return .ended(usage)
        }
        guard finished < canceller.streams.count, let (choice, event) = try await nextOfAll() else { return nil }
        switch event {
        case .prompt(let tokens): return .prompt(choice: choice, tokens)
        case .delta(let delta): return .delta(choice: choice, delta)
        case .idle: return .idle
        case .finished(let reason, let usage):
            add(usage, of: choice)
            finished += 1
            return .finished(choice: choice, reason)
        }
    }

    private func nextOfAll() async throws -> (Int, GenerationEvent)? {
        switch next {
        case .only(let generation): return try await generation.next().map { (0, $0) }
        case .merged(let events):
            var iterator = events.makeAsyncIterator()
            return try await iterator.next()
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
