package import ShimmyChat
package import ShimmyCore
import Synchronization

/// What a loader makes of a model.
package struct LoadedModel: Sendable {
    package let backend: any Backend
    /// What it really takes.
    package let memory: MemoryUse
    /// Returns when that memory is free again, once `backend` was shut down and nobody holds it.
    package let whenFreed: @Sendable () async -> Void

    package init(backend: any Backend, memory: MemoryUse, whenFreed: @escaping @Sendable () async -> Void = {}) {
        self.backend = backend
        self.memory = memory
        self.whenFreed = whenFreed
    }
}

/// How far a load is, told by whoever loads; and whether it is still wanted.
package final class LoadProgress: Sendable {
    private let state = Mutex((fraction: 0.0, isCancelled: false))
    private let tell: @Sendable (Double) -> Void

    /// - tell: gets the fraction whenever it is reported.
    package init(_ tell: @escaping @Sendable (Double) -> Void = { _ in }) { self.tell = tell }

    /// 0 to 1. Never goes back.
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

    /// Throws `CancellationError` when nobody wants the load any more.
    package func check() throws {
        if isCancelled { throw CancellationError() }
    }
}

/// A loaded model, kept loaded for as long as this value lives.
package final class ModelLease: Sendable {
    package let record: ModelRecord
    package let backend: any Backend
    private let release: @Sendable () -> Void

    init(record: ModelRecord, backend: any Backend, release: @escaping @Sendable () -> Void) {
        self.record = record
        self.backend = backend
        self.release = release
    }

    deinit { release() }
}

/// What a model that is loaded, being loaded or being freed is doing, for people and programs.
package struct ModelStatus: Sendable {
    package enum Stage: String, Sendable { case loading, loaded, freeing }

    package let id: String
    package let stage: Stage
    /// Of the load, 0 to 1.
    package let progress: Double
    /// Estimated while it is loading.
    package let memory: MemoryUse
    package let users: Int
    package let isPinned: Bool
    /// Seconds until it is freed if nobody comes; nil for never, and while it is in use.
    package let expiresIn: Double?
    /// Of a loaded one.
    package let backend: (any Backend)?
}
