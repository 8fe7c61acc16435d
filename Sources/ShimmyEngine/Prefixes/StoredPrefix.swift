package import ShimmyCore

/// A computed prefix as it is kept on the disk.
package struct StoredPrefix: Sendable, Equatable {
    package let tokens: [Token]
    /// What the runner made of its cells.
    package let state: [UInt8]

    package init(tokens: [Token], state: [UInt8]) {
        self.tokens = tokens
        self.state = state
    }
}

/// What a stored prefix was computed with: its cells mean nothing to anything else.
struct PrefixKey: Hashable, Sendable {
    /// Of the model, and of what computes it.
    let identity: UInt64
    /// Of the adapters; 0 for none.
    let adapters: UInt64
}
