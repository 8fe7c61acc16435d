/// The model and the adapters that a stored prefix was computed with. Its cells are useless with any other.
struct PrefixKey: Hashable, Sendable {
    /// The hash of the model and of the software and settings that compute it.
    let identity: UInt64
    /// The hash of the adapters; 0 for none.
    let adapters: UInt64
}
