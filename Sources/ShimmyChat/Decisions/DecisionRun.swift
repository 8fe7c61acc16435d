import ShimmyCore
import ShimmyEngine

/// The computation of a plan's log probabilities: one sequence for each position, of which as many run at once as the engine runs.
///
/// The positions of a question are queued once its first position is computed, so that they find its prompt in the cache.
struct DecisionRun {
    private let plan: DecisionPlan
    private let engine: EngineHandle
    private let adapters: AdapterSet
    private let terms: ServiceTerms
    /// The log probabilities of each question's nodes.
    private var logprobs: [[[Float]]]
    /// The positions that can be computed now, in reverse order.
    private var ready: [DecisionPlan.Position]
    /// The number of cached tokens of the sequence that started first.
    private var cachedTokens: Int?

    private struct Computed: Sendable {
        let position: DecisionPlan.Position
        let logprobs: [Float]
        let cachedTokens: Int
    }

    init(_ plan: DecisionPlan, on engine: EngineHandle, with adapters: AdapterSet, _ terms: ServiceTerms) {
        self.plan = plan
        self.engine = engine
        self.adapters = adapters
        self.terms = terms
        logprobs = plan.questions.map { Array(repeating: [], count: $0.trie.nodes.count) }
        ready = plan.questions.indices.reversed().map { .init(question: $0, node: 0) }
    }

    /// Computes everything. Cancelling the task cancels all sequences.
    mutating func perform() async throws -> DecisionResult {
        // The first position computes the shared tokens, and reports how many of them were cached.
        if let first = ready.popLast() {
            let stream = try submit(first)
            take(try await Self.compute(first, stream))
        }
        if !ready.isEmpty { try await performReady() }
        let probabilities = zip(plan.questions, logprobs).map { $0.trie.probabilities($1) }
        let usage = Usage(promptTokens: plan.tokenCount, cachedPromptTokens: min(cachedTokens ?? 0, plan.tokenCount), completionTokens: 0)
        return DecisionResult(probabilities: probabilities, usage: usage)
    }

    private mutating func performReady() async throws {
        try await withThrowingTaskGroup(of: Computed.self) { group in
            var running = 0
            while running > 0 || !ready.isEmpty {
                while running < engine.limits.running, let position = ready.last {
                    let stream: TokenStream
                    do {
                        stream = try submit(position)
                    } catch {
                        // The queue is full of other requests. The next attempt follows when a running sequence of this plan ends.
                        if running == 0 { throw error }
                        break
                    }
                    ready.removeLast()
                    running += 1
                    group.addTask { try await Self.compute(position, stream) }
                }
                guard let result = try await group.next() else { break }
                running -= 1
                take(result)
            }
        }
    }

    private func submit(_ position: DecisionPlan.Position) throws(QueueFull) -> TokenStream {
        var request = SequenceRequest(
            prompt: plan.prompt(at: position), maximumTokens: 0, sampling: SamplingParameters(), owner: terms.owner, isFlex: terms.isFlex)
        request.probes = plan.probes(at: position)
        request.adapters = adapters
        // Models that reuse a prefix only as a whole keep their state after the shared tokens and after the question.
        let question = plan.shared.count + plan.questions[position.question].tokens.count
        request.landmarks = [plan.shared.count, question].filter { $0 > 0 && $0 < request.prompt.count }
        return try engine.submit(request)
    }

    private static func compute(_ position: DecisionPlan.Position, _ stream: TokenStream) async throws -> Computed {
        while let delivery = try await stream.next() {
            guard delivery.end != nil else { continue }
            let logprobs = delivery.promptLogprobs.map(\.drawn.logprob)
            return Computed(position: position, logprobs: logprobs, cachedTokens: delivery.start?.cachedTokens ?? 0)
        }
        throw CancellationError()
    }

    private mutating func take(_ computed: Computed) {
        let (question, node) = (computed.position.question, computed.position.node)
        logprobs[question][node] = computed.logprobs
        cachedTokens = cachedTokens ?? computed.cachedTokens
        guard node == 0 else { return }
        ready += logprobs[question].indices.dropFirst().reversed().map { .init(question: question, node: $0) }
    }
}
