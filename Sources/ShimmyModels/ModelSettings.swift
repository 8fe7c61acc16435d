package import ShimmyCore

/// The settings of one model that override the server's settings.
package struct ModelSettings: Sendable, Equatable {
    /// The context length in tokens; nil for the server's setting.
    package var contextLength: Int?
    /// The number of sequences that run at once; nil for the server's setting.
    package var slots: Int?
    /// How long the idle model stays loaded; nil for the server's setting.
    package var keepAlive: KeepAlive?
    /// Whether the model stays loaded even if other models need its memory. Only a request to free it, or a change of its files or settings,
    /// frees it.
    package var isPinned: Bool
    /// Whether the server loads the model at startup.
    package var preloads: Bool
    /// The adapters to load with the model, in addition to those that were found.
    package var adapters: [LoRAAdapter] = []
    /// Where the model runs; nil for the server's setting.
    package var isolation: ModelIsolation?
    /// The max bytes that the model's own process may allocate; nil for no limit.
    package var isolationMemory: Int?

    package init(
        contextLength: Int? = nil, slots: Int? = nil, keepAlive: KeepAlive? = nil, isPinned: Bool = false, preloads: Bool = false
    ) {
        self.contextLength = contextLength
        self.slots = slots
        self.keepAlive = keepAlive
        self.isPinned = isPinned
        self.preloads = preloads
    }
}
