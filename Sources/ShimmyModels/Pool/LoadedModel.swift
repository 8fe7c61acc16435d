package import ShimmyChat
package import ShimmyCore
import Synchronization

/// The result of loading a model.
package struct LoadedModel: Sendable {
    package let backend: Backend
    /// The memory that the model actually takes.
    package let memory: MemoryUse
    /// Returns when that memory is free again, after `backend` was shut down and the last reference to it is gone.
    package let whenFreed: @Sendable () async -> Void

    package init(backend: Backend, memory: MemoryUse, whenFreed: @escaping @Sendable () async -> Void = {}) {
        self.backend = backend
        self.memory = memory
        self.whenFreed = whenFreed
    }
}

/// The progress of a load, which the loader reports, and whether the load is still wanted.
package final class LoadProgress: Sendable {
    private let state = Mutex((fraction: 0.0, isCancelled: false))
    private let tell: @Sendable (Double) -> Void

    /// - tell: receives the fraction after each report.
    package init(_ tell: @escaping @Sendable (Double) -> Void = { _ in }) { self.tell = tell }

    /// The completed fraction, 0 to 1. It never decreases.
    package var fraction: Double { state.withLock { $0.fraction } }
    package var isCancelled: Bool { state.withLock { $0.isCancelled } }

    package func report(_ fraction: Double) {
        tell(
            state.withLock { state in
                state.fraction = max(state.fraction, min(1, fraction))
                return state.fraction
            })
    }

    package func cancel() { state.withLock { $0.isCancelled = true } }

    /// Throws `CancellationError` if the load is no longer wanted.
    package func check() throws {
        if isCancelled { throw CancellationError() }
    }
}

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
    package var reranker: any Reranker { get throws(ModelError) { try role(.rerank, backend.reranker) } }

    private func role<Role>(_ asked: ModelRole, _ role: Role?) throws(ModelError) -> Role {
        guard let role else { throw .lacksRole(record.id, asked: asked, has: backend.roles) }
        return role
    }
}

/// The status of a model that is loading, loaded or being freed, for people and programs.
package struct ModelStatus: Sendable {
    package enum Stage: String, Sendable { case loading, loaded, freeing }

    package let id: String
    package let stage: Stage
    /// The progress of the load, 0 to 1.
    package let progress: Double
    /// The memory that the model takes; an estimate while it is loading.
    package let memory: MemoryUse
    package let users: Int
    package let isPinned: Bool
    /// Seconds until the idle model is freed; nil if it never is, and while it is in use.
    package let expiresIn: Double?
    /// The backend; nil unless the model is loaded.
    package let backend: Backend?
}
