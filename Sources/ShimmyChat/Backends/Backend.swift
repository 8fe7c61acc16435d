/// A loaded model, wherever it runs: the roles that it has, and how to free it.
package struct Backend: Sendable {
    /// The maximum length of prompt and answer together, in tokens.
    package let contextLength: Int
    /// Whether `contextLength` is only a number above all prompts, because an upstream server does not say the length.
    package var isContextUnknown = false
    /// Whether the model runs in a process of its own, whose answers begin only when their prompts are computed.
    package var isIsolated = false
    /// An identifier of engine, build, model and settings. With equal fingerprints, equal requests with equal seeds get equal answers.
    package let fingerprint: String
    package let generator: (any TextGenerator)?
    package let embedder: (any Embedder)?
    package let reranker: (any Reranker)?
    /// The part of a generator that rates given answers; nil for a model that does not generate.
    package let decider: (any Decider)?
    /// The part that passes on requests for media; nil for a model of this server.
    package var forwarder: (any MediaForwarder)?
    package let tokenizer: any TokenizerAccess
    package let engine: any EngineInspection
    /// Frees the model. Answers in progress fail.
    package let shutdown: @Sendable () async -> Void

    package init(
        contextLength: Int, fingerprint: String, generator: (any TextGenerator)? = nil, embedder: (any Embedder)? = nil,
        reranker: (any Reranker)? = nil, decider: (any Decider)? = nil, tokenizer: any TokenizerAccess, engine: any EngineInspection,
        shutdown: @escaping @Sendable () async -> Void
    ) {
        self.contextLength = contextLength
        self.fingerprint = fingerprint
        self.generator = generator
        self.embedder = embedder
        self.reranker = reranker
        self.decider = decider
        self.tokenizer = tokenizer
        self.engine = engine
        self.shutdown = shutdown
    }

    /// The context length for people and programs; nil if it is unknown.
    package var knownContextLength: Int? { isContextUnknown ? nil : contextLength }

    package var roles: [ModelRole] {
        let has: [(ModelRole, Bool)] = [(.chat, generator != nil), (.embeddings, embedder != nil), (.rerank, reranker != nil)]
        return has.filter(\.1).map(\.0)
    }
}
