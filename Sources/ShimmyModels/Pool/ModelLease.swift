package import ShimmyChat

/// A reference to a loaded model, which stays loaded as long as this value lives.
package final class ModelLease: Sendable {
    package let record: ModelRecord
    package let backend: Backend
    private let release: @Sendable () -> Void

    init(record: ModelRecord, backend: Backend, release: @escaping @Sendable () -> Void) {
        self.record = record
        self.backend = backend
        self.release = release
    }

    deinit { release() }

    // A record says its model's roles before it is loaded; these accessors are for files whose header says something else than their content.

    package var generator: any TextGenerator { get throws(ModelError) { try role(.chat, backend.generator) } }
    package var embedder: any Embedder { get throws(ModelError) { try role(.embeddings, backend.embedder) } }
    /// Every model that generates answers also rates given ones.
    package var decider: any Decider {
        get throws(ModelError) {
            if record.upstream != nil { throw .unusable(record.id, reason: "an upstream server serves it, which rates no given answers") }
            return try role(.chat, backend.decider)
        }
    }
    package var reranker: any Reranker { get throws(ModelError) { try role(.rerank, backend.reranker) } }

    private func role<Role>(_ asked: ModelRole, _ role: Role?) throws(ModelError) -> Role {
        guard let role else { throw .lacksRole(record.id, asked: asked, has: backend.roles) }
        return role
    }
}
