import ShimmyChat
import ShimmyCore
import ShimmyTestSupport
import ShimmyUpstreams
import Synchronization

/// An upstream without a connection.
final class ScriptedPeer: UpstreamPeer {
    private struct State {
        var models: [UpstreamModel]
        var checkFailure: UpstreamFailure?
        var healthFailure: UpstreamFailure.Reason?
        var failures: [UpstreamFailure] = []
        var breaks = false
        var contexts: [UpstreamContext] = []
        var maximumTokens: Int?
        var conversations: [Conversation] = []
    }

    let name: String
    let kind = UpstreamKind.shimmy
    private let state: Mutex<State>

    init(_ name: String, models: [String] = ["m"]) {
        self.name = name
        state = Mutex(State(models: models.map { UpstreamModel(id: $0, contextLength: 100) }))
    }

    init(_ name: String, offering models: [UpstreamModel]) {
        self.name = name
        state = Mutex(State(models: models))
    }

    /// The contexts of all requests, in order.
    var contexts: [UpstreamContext] { state.withLock { $0.contexts } }
    var requests: Int { contexts.count }
    /// The max tokens of the last request for an answer.
    var maximumTokens: Int? { state.withLock { $0.maximumTokens } }
    /// The conversations of all requests for an answer.
    var conversations: [Conversation] { state.withLock { $0.conversations } }

    /// Makes the next requests fail, one for each failure.
    func fail(_ reasons: UpstreamFailure.Reason...) {
        let failures = reasons.map { UpstreamFailure(name, $0, "\(name) is scripted to fail") }
        state.withLock { $0.failures += failures }
    }

    /// Makes the next request fail with a message of its own.
    func fail(_ reason: UpstreamFailure.Reason, message: String) {
        let failure = UpstreamFailure(name, reason, message)
        state.withLock { $0.failures.append(failure) }
    }

    /// Replaces the models.
    func offer(_ models: [UpstreamModel]) { state.withLock { $0.models = models } }

    /// Makes answers break after their first event.
    func breakAnswers() { state.withLock { $0.breaks = true } }

    func models() async throws -> [UpstreamModel] {
        if let failure = state.withLock({ $0.checkFailure }) { throw failure }
        return state.withLock { $0.models }
    }

    func check() async throws {
        if let failure = state.withLock({ $0.checkFailure }) { throw failure }
        if let reason = state.withLock({ $0.healthFailure }) { throw UpstreamFailure(name, reason, "\(name) is not healthy") }
    }

    /// Makes the health checks fail, but not the lists of models.
    func failHealth(_ reason: UpstreamFailure.Reason = .unreachable) { state.withLock { $0.healthFailure = reason } }

    func failChecks() {
        let failure = UpstreamFailure(name, .unreachable, "\(name) is down")
        state.withLock { $0.checkFailure = failure }
    }

    func generate(_ request: ChatRequest, model: String, terms: ServiceTerms, context: UpstreamContext) async throws -> sending Answer {
        state.withLock { $0.conversations.append(request.conversation) }
        let breaks = try begin(context)
        state.withLock { $0.maximumTokens = request.maximumTokens }
        var rest: [AnswerEvent] = [.delta(choice: 0, .content("\(name) \(model)")), .finished(choice: 0, .stop)]
        rest.append(.ended(Usage(promptTokens: 1, cachedPromptTokens: 0, completionTokens: 1)))
        let failure = UpstreamFailure(name, .interrupted, "\(name) broke")
        return Answer(canceller: Answer.Canceller(onCancel: {}, onNudge: {})) {
            if breaks, rest.count == 2 { throw failure }
            return rest.isEmpty ? nil : rest.removeFirst()
        }
    }

    func complete(_ request: TextRequest, model: String, terms: ServiceTerms, context: UpstreamContext) async throws -> sending Answer {
        throw UpstreamFailure(name, .unsupported(field: "prompt"), "no texts")
    }

    func embed(_ request: EmbeddingRequest, model: String, terms: ServiceTerms, context: UpstreamContext) async throws -> EmbeddingResult {
        _ = try begin(context)
        return EmbeddingResult(vectors: [[1]], promptTokens: 1)
    }

    func rerank(_ request: RerankRequest, model: String, terms: ServiceTerms, context: UpstreamContext) async throws -> RerankResult {
        throw UpstreamFailure(name, .unsupported(field: "documents"), "no ranking")
    }

    /// Answers with its name and the model. `breakAnswers` makes the answer break after it.
    func forward(_ request: MediaRequest, model: String, context: UpstreamContext) async throws -> MediaAnswer {
        var moments: [ScriptedForwarder.Moment] = [.bytes("\(name) \(model)")]
        if try begin(context) { moments.append(.failure(UpstreamFailure(name, .interrupted, "\(name) broke"))) }
        let script = MomentQueue(moments)
        return MediaAnswer(upstream: name, contentType: "audio/mpeg", form: .bytes, next: { try script.next() })
    }

    func tokenize(_ text: String, model: String, addSpecial: Bool, parseSpecial: Bool, context: UpstreamContext) async throws -> [Token] {
        _ = try begin(context)
        return [1, 2]
    }

    func pieces(of tokens: [Token], model: String, context: UpstreamContext) async throws -> [[UInt8]?] { tokens.map { _ in [0x61] } }

    func prepare(_ conversation: Conversation, model: String, context: UpstreamContext) async throws -> PreparedPrompt {
        _ = try begin(context)
        return PreparedPrompt(text: "p", tokens: [1])
    }

    /// Counts a request. Returns whether its answer breaks.
    private func begin(_ context: UpstreamContext) throws -> Bool {
        let (failure, breaks) = state.withLock { state in
            state.contexts.append(context)
            return (state.failures.isEmpty ? nil : state.failures.removeFirst(), state.breaks)
        }
        if let failure { throw failure }
        return breaks
    }
}
