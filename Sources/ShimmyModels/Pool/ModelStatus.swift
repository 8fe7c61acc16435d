package import ShimmyChat
package import ShimmyCore
package import ShimmyEngine

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
    /// How long the model stays loaded after its last user, unless it is pinned.
    package let keepAlive: KeepAlive
    /// The backend; nil unless the model is loaded.
    package let backend: Backend?
}
