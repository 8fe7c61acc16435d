package import ShimmyCore

/// A computed prefix, as it is kept on the disk.
package struct StoredPrefix: Sendable, Equatable {
    package let tokens: [Token]
    /// The cells, as the runner serialized them.
    package let state: [UInt8]

    package init(tokens: [Token], state: [UInt8]) {
        self.tokens = tokens
        self.state = state
    }
}

/// The model and the adapters that a stored prefix was computed with. Its cells are useless with any other.
struct PrefixKey: Hashable, Sendable {
    /// The hash of the model and of the software and settings that compute it.
    let identity: UInt64
    /// The hash of the adapters; 0 for none.
    let adapters: UInt64
}
