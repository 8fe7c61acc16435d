import ShimmyCore
import ShimmyEngine

/// The answer of an engine in this process: reads the tokens of all choices and makes events of them.
///
/// Events keep the order of the engine's deliveries. The consumer pulls tokens, so a slow consumer only makes the streams grow, and their token
/// limits bound them. Cancelling the answer stops the engine's work within one step.
final class EngineAnswer {
    private let streams: StreamGroup
    private let generations: [Generation]
    private var queued: [(choice: Int, event: GenerationEvent)] = []
    private var finished = 0
    private var usage: Usage
    private let choicesPerPrompt: Int
    private let constraintField: String?

    /// Returns the answer of the engine's streams.
    /// - streams: one stream for each choice.
    /// - promptTokens: the number of tokens of all prompts.
    /// - promptSizes: the number of tokens of each prompt; empty for a single prompt.
    /// - choicesPerPrompt: the number of streams for each prompt.
    /// - constraintField: the API's name of the field that constrains the answer, for an error about its constraint.
    /// - scores: for each choice, a function that returns its prompt with the requested log probabilities.
    /// - history: the tokens of the prompt; nil unless the request asked for the tokens of prompt and answer.
    /// - tellsTokens: whether to return the tokens of each choice beside its parts.
    /// - onStart: called for each choice with the cached part of its prompt.
    static func make(
        _ streams: [TokenStream], vocabulary: any Vocabulary, style: AnswerStyle, promptTokens: Int, promptSizes: [Int] = [],
        choicesPerPrompt: Int = .max, constraintField: String? = nil, report: AnswerReport = AnswerReport(),
        scores: [@Sendable ([TokenLogprobs]) -> [PromptToken]] = [],
        history: TokenHistory? = nil, tellsTokens: Bool = false, onStart: @escaping @Sendable (_ choice: Int, PromptStart) -> Void = { _, _ in }
    ) -> sending Answer {
        let group = StreamGroup(streams)
        let generations = streams.indices.map { choice in
            let scores = scores.indices.contains(choice) ? scores[choice] : nil
            let size = promptSizes.isEmpty ? promptTokens : promptSizes[choice / choicesPerPrompt]
            return Generation(
                text: AnswerText(vocabulary: vocabulary, style: style), promptTokens: size, scores: scores, history: history,
                tellsTokens: tellsTokens
            ) { onStart(choice, $0) }
        }
        let answer = EngineAnswer(group, generations, promptTokens: promptTokens, choicesPerPrompt: choicesPerPrompt, constraintField)
        return Answer(canceller: .init(onCancel: group.cancel, onNudge: group.nudge), report: report, next: answer.nextEvent)
    }

    private init(_ streams: StreamGroup, _ generations: [Generation], promptTokens: Int, choicesPerPrompt: Int, _ constraintField: String?) {
        self.constraintField = constraintField
        self.streams = streams
        self.generations = generations
        self.choicesPerPrompt = choicesPerPrompt
        usage = Usage(promptTokens: promptTokens, cachedPromptTokens: 0, completionTokens: 0)
    }

    /// Returns the next event; nil after `ended`. Throws `CancellationError`, `EngineError`, or `GenerationError` when the answer's constraint allows
    /// no token.
    private func nextEvent() async throws -> AnswerEvent? {
        if queued.isEmpty, finished == generations.count {
            finished += 1
            return .ended(usage)
        }
        guard finished < generations.count else { return nil }
        while queued.isEmpty {
            switch try await news() {
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
        case .fact(let fact): return .fact(choice: choice, fact)
        case .finished(let reason, let usage):
            add(usage, of: choice)
            finished += 1
            return .finished(choice: choice, reason)
        }
    }

    private func news() async throws -> StreamGroup.News {
        do {
            return try await streams.next()
        } catch let error as EngineError where error == .noContinuation {
            guard let constraintField else { throw error }
            throw GenerationError.badGrammar(field: constraintField, error.description)
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
