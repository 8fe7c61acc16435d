package import ShimmyEngine

/// The stored prefixes of one model. They outlive the process.
///
/// A file is written under a temporary name and then renamed, and has a checksum. A damaged file is deleted when it is read.
package final class PrefixStore: PrefixStorage {
    private let folder: PrefixFolder
    /// The hash that distinguishes the prefixes of one model and one build from all others.
    private let identity: UInt64
    private let adapters: [String]

    /// Opens a model's store and indexes the existing prefixes. Throws when the directory cannot be created.
    /// - folder: one object for all models of the process that use the directory.
    /// - identity: everything that the cells depend on: the model's content, the build, the context length, the type of the cells.
    /// - adapters: the content of each of the model's adapters, in the runner's order.
    package init(folder: PrefixFolder, identity: String, adapters: [String] = []) throws {
        self.folder = folder
        self.identity = Checksum.of(Array(identity.utf8))
        self.adapters = adapters
        try folder.learn(self.identity)
    }

    package func find(_ prompt: Prompt, with adapters: AdapterSet, partially: Bool) -> FoundPrefix? {
        folder.longestMatch(prompt, key(of: adapters), partially: partially).map { match in
            FoundPrefix(count: match.count) { [folder] deliver in folder.read(match, then: deliver) }
        }
    }

    package func contains(_ units: [PromptUnit], with adapters: AdapterSet) -> Bool { folder.contains(units, key(of: adapters)) }

    /// Whether the disk keeps up with the writes.
    package var hasRoom: Bool { folder.hasRoom }

    /// Writes a prefix asynchronously. With `partially`, stored prefixes that it begins with are redundant and are removed.
    package func write(_ prefix: StoredPrefix, with adapters: AdapterSet, partially: Bool) {
        folder.write(prefix, key(of: adapters), partially: partially)
    }

    /// Waits until all prefixes are written.
    package func flush() { folder.flush() }

    /// Returns the key of an adapter set. It depends on the adapters' content, since another process may have the same adapters at other indices or
    /// paths.
    private func key(of set: AdapterSet) -> PrefixKey {
        if set.members.isEmpty { return PrefixKey(identity: identity, adapters: 0) }
        let contents = set.members.map { "\(adapters[$0.index])\u{1f}\($0.scale.bitPattern)" }.joined(separator: "\u{1e}")
        return PrefixKey(identity: identity, adapters: Checksum.of(Array(contents.utf8)))
    }
}
