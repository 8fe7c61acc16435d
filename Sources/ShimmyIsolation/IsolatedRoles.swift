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
        let admitted = try model.admitted(terms, bytes: bytes)
        let model = model
        return try await model.call { run in
            try await model.peer(run).embed(request, model: model.name, terms: admitted, context: model.context(terms))
        }
    }
}

/// A reranker whose scores come from a child process.
struct IsolatedReranker: Reranker {
    let model: IsolatedModel

    func rerank(_ request: RerankRequest, terms: ServiceTerms) async throws -> RerankResult {
        let bytes = ([request.query] + request.documents).reduce(0) { $0.saturated(adding: $1.utf8.count) }
        let admitted = try model.admitted(terms, bytes: bytes)
        let model = model
        return try await model.call { run in
            try await model.peer(run).rerank(request, model: model.name, terms: admitted, context: model.context(terms))
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

/// The work of a child process in numbers, as far as this process knows it.
struct IsolatedInspection: EngineInspection {
    let model: IsolatedModel

    var statistics: EngineStatistics {
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
