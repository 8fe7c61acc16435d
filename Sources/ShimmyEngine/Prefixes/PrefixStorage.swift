/// A stored prefix that a prompt begins with, completely or in part.
package struct FoundPrefix: Sendable {
    /// The number of the prompt's units that need not be computed.
    package let count: Int
    /// Reads the prefix asynchronously. Delivers nil when it is damaged or missing, or when the memory for prefixes is full.
    package let read: @Sendable (_ deliver: @escaping @Sendable (PrefixLease?) -> Void) -> Void

    package init(count: Int, read: @escaping @Sendable (_ deliver: @escaping @Sendable (PrefixLease?) -> Void) -> Void) {
        self.count = count
        self.read = read
    }
}

/// A storage of one model's computed prefixes that outlives the engine. Only `flush` waits for the disk.
package protocol PrefixStorage: Sendable {
    /// Returns the longest useful stored prefix of a prompt; nil for none. Without `partially`, only a prefix that is used completely counts.
    func find(_ prompt: Prompt, with adapters: AdapterSet, partially: Bool) -> FoundPrefix?

    func contains(_ units: [PromptUnit], with adapters: AdapterSet) -> Bool

    /// Whether the storage keeps up with the writes.
    var hasRoom: Bool { get }

    /// Writes a prefix asynchronously. With `partially`, stored prefixes that it begins with are redundant and are removed.
    func write(_ prefix: StoredPrefix, with adapters: AdapterSet, partially: Bool)

    /// Waits until all prefixes are written.
    func flush()
}
