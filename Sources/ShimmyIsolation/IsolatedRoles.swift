import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyUpstreams

/// An embedder whose vectors come from a child process.
struct IsolatedEmbedder: Embedder {
    let model: IsolatedModel

    func embed(_ request: EmbeddingRequest, terms: ServiceTerms) async throws -> EmbeddingResult {
        let bytes = request.inputs.reduce(0) { sum, input in
            switch input {
            case .text(let text): sum.saturated(adding: text.utf8.count)
            case .tokens(let tokens): sum.saturated(adding: tokens.count.saturated(multipliedBy: 4))
            }
        }
        let name = model.name
        return try await model.call(bytes: bytes, terms) { peer, terms, context in
            try await peer.embed(request, model: name, terms: terms, context: context)
        }
    }
}

/// A reranker whose scores come from a child process.
struct IsolatedReranker: Reranker {
    let model: IsolatedModel

    func rerank(_ request: RerankRequest, terms: ServiceTerms) async throws -> RerankResult {
        let bytes = ([request.query] + request.documents).reduce(0) { $0.saturated(adding: $1.utf8.count) }
        let name = model.name
        return try await model.call(bytes: bytes, terms) { peer, terms, context in
            try await peer.rerank(request, model: name, terms: terms, context: context)
        }
    }
}

/// A decider whose ratings come from a child process.
struct IsolatedDecider: Decider {
    let model: IsolatedModel

    func decide(_ request: DecisionRequest, terms: ServiceTerms) async throws -> DecisionResult {
        let bytes = request.questions.reduce(request.conversation.bytes) { sum, question in
            question.labels.reduce(sum.saturated(adding: question.text?.utf8.count ?? 0)) { $0.saturated(adding: $1.utf8.count) }
        }
        let name = model.name
        return try await model.call(bytes: bytes, terms) { peer, _, context in
            try await peer.decide(request, model: name, context: context)
        }
    }
}

/// The tokenizer of a model in a child process.
struct IsolatedTokenizer: TokenizerAccess {
    let model: IsolatedModel

    var facts: TokenizerFacts { model.facts.tokenizer }

    func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) async throws -> [Token] {
        let model = model
        return try await model.call { run in
            try await model.peer(run).tokenize(
                text, model: model.name, addSpecial: addSpecial, parseSpecial: parseSpecial, context: model.context())
        }
    }

    func pieces(of tokens: [Token]) async throws -> [[UInt8]?] {
        let model = model
        return try await model.call { run in try await model.peer(run).pieces(of: tokens, model: model.name, context: model.context()) }
    }
}

/// The work of a child process in numbers: those of its last report, or until then those that this process knows. Never waits for the process.
struct IsolatedInspection: EngineInspection {
    let model: IsolatedModel

    var statistics: EngineStatistics {
        if let reported = model.supervisor.statistics { return reported }
        var statistics = EngineStatistics()
        let requests = model.use.running
        statistics.running = min(requests, model.facts.running)
        statistics.waiting = requests - statistics.running
        (statistics.queued, statistics.queueLimit) = (statistics.waiting, model.facts.queue)
        statistics.runningLimit = model.facts.running
        return statistics
    }

    var adapters: ModelAdapters { model.facts.adapters }
}
