package import ShimmyCore

/// The stored prefixes of one model. They outlive the process.
///
/// A file is written aside and renamed, and has a checksum: it is whole, or it is thrown away when it is read.
package final class PrefixStore: Sendable {
    private let folder: PrefixFolder
    /// Tells the prefixes of one model and one build from all others.
    private let identity: UInt64
    private let adapters: [String]

    /// - folder: one object for all models of the process that use the directory.
    /// - identity: everything that the cells depend on: the model's content, the build, the length of the context, the type of the cells.
    /// - adapters: the content of each of the model's adapters, in the runner's order.
    /// Reads what is there. Throws when the directory cannot be made.
    package init(folder: PrefixFolder, identity: String, adapters: [String] = []) throws {
        self.folder = folder
        self.identity = Checksum.of(Array(identity.utf8))
        self.adapters = adapters
        try folder.learn(self.identity)
    }

    /// The longest useful stored prefix of these tokens. Without `partially` only a prefix that is used whole counts.
    package func longestMatch(_ tokens: [Token], with adapters: AdapterSet, partially: Bool) -> PrefixMatch? {
        folder.longestMatch(tokens, key(of: adapters), partially: partially)
    }

    package func contains(_ tokens: [Token], with adapters: AdapterSet) -> Bool { folder.contains(tokens, key(of: adapters)) }

    /// Reads a prefix in its own time; nil when it is damaged or gone, or when others hold as much as may be held at once.
    package func read(_ match: PrefixMatch, then deliver: @escaping @Sendable (PrefixLease?) -> Void) { folder.read(match, then: deliver) }

    /// Whether the disk keeps up with what is written.
    package var hasRoom: Bool { folder.hasRoom }

    /// Writes a prefix, in its own time. Where prefixes are used in part, those that it begins with are not needed any more.
    package func write(_ prefix: StoredPrefix, with adapters: AdapterSet, partially: Bool) {
        folder.write(prefix, key(of: adapters), partially: partially)
    }

    /// Waits until everything is written.
    package func flush() { folder.flush() }

    /// Names what a set adds to the model, by content: another process may have the same adapters at other places.
    private func key(of set: AdapterSet) -> PrefixKey {
        if set.members.isEmpty { return PrefixKey(identity: identity, adapters: 0) }
        let contents = set.members.map { "\(adapters[$0.index])\u{1f}\($0.scale.bitPattern)" }.joined(separator: "\u{1e}")
        return PrefixKey(identity: identity, adapters: Checksum.of(Array(contents.utf8)))
    }
}
