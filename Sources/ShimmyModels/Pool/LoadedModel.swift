package import ShimmyChat
package import ShimmyEngine

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
