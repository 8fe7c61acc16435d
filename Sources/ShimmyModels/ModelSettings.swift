package import ShimmyCore

/// How one model is served, where that differs from what the server does with every model.
package struct ModelSettings: Sendable, Equatable {
    /// Tokens of context; nil for the server's.
    package var contextLength: Int?
    /// Sequences that are computed at once; nil for the server's.
    package var slots: Int?
    /// How long it stays loaded that nobody uses; nil for the server's.
    package var keepAlive: KeepAlive?
    /// Whether it stays whatever else needs its memory. Only a request to free it frees it.
    package var isPinned: Bool
    /// Whether it is loaded when the server starts.
    package var preloads: Bool
    /// Adapters that it is loaded with, beside those that were found.
    package var adapters: [LoRAAdapter] = []

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
