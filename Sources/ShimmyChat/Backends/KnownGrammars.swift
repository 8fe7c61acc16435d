import Synchronization

/// Remembers which grammars were compiled, so that compiling one of them again is known to be quick.
final class KnownGrammars: Sendable {
    /// As many as the compiler of grammars keeps.
    private static let kept = 64

    private let known = Mutex<[Int]>([])

    func contains(_ grammar: GrammarText) -> Bool { known.withLock { $0.contains(grammar.text.hashValue) } }

    func insert(_ grammar: GrammarText) {
        known.withLock { known in
            known.removeAll { $0 == grammar.text.hashValue }
            if known.count == Self.kept { known.removeFirst() }
            known.append(grammar.text.hashValue)
        }
    }
}
