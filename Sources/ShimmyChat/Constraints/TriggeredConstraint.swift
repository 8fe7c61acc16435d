import ShimmyCore
import ShimmyEngine
import ShimmyGrammar

/// Lets everything be said until a trigger is met; from there on a grammar holds, which describes the trigger too.
final class TriggeredConstraint: TokenConstraint {
    /// Something that is no trigger by its place alone.
    struct Opening: Sendable {
        /// What stands before it; nil for the beginning of the answer.
        var after: [UInt8]?
        /// At the beginning of what it has to be.
        var cursor: GrammarCursor
        /// What was read of it.
        var read: [UInt8] = []
    }

    struct Settings: Sendable {
        /// Texts that begin what the grammar describes, wherever they stand.
        var words: [[UInt8]] = []
        var openings: [Opening] = []
        var grammar: GrammarCursor
    }

    private let settings: Settings
    private let vocabulary: any Vocabulary
    private let tokenizer: ForcedTokenizer
    private var constraint: GrammarConstraint?
    /// Openings that the text is within.
    private var begun: [Opening]
    /// The last bytes, as many as a text may need.
    private var tail: [UInt8] = []

    init(_ settings: Settings, vocabulary: any Vocabulary, tokenizer: ForcedTokenizer) {
        self.settings = settings
        self.vocabulary = vocabulary
        self.tokenizer = tokenizer
        begun = settings.openings.filter { $0.after == nil }
    }

    var forced: [Token] { constraint?.forced ?? [] }
    var mask: TokenMask? { constraint?.mask }

    func prepare(until deadline: ContinuousClock.Instant) -> Bool { constraint?.prepare(until: deadline) ?? true }

    func accept(_ token: Token) {
        if let constraint { return constraint.accept(token) }
        let bytes = vocabulary.piece(of: token, special: true)
        for (index, byte) in bytes.enumerated() {
            for met in triggers(endingWith: byte) where hold(met + bytes[(index + 1)...]) { return }
        }
    }

    /// Reads a byte; returns what the grammar may have to read when a trigger ends with it.
    private func triggers(endingWith byte: UInt8) -> [[UInt8]] {
        var met: [[UInt8]] = []
        for index in begun.indices.reversed() {
            begun[index].read.append(byte)
            begun[index].cursor.advance([byte])
            let opening = begun[index]
            if opening.cursor.isDead { begun.remove(at: index) }
            guard opening.cursor.mayEnd else { continue }
            // Whether the grammar describes what stands before, or spaces, is the format's choice.
            met += [(opening.after ?? []) + opening.read, opening.read, Array(opening.read.drop { $0 == 0x20 || $0 == 0x0A })]
        }
        tail.append(byte)
        func ends(with text: [UInt8]) -> Bool { tail.suffix(text.count).elementsEqual(text) }
        begun += settings.openings.filter { $0.after.map(ends) ?? false }
        met += settings.words.filter(ends)
        if tail.count > 256 { tail.removeFirst(128) }
        return met
    }

    /// What goes on in another way than the grammar says is text like any other.
    private func hold(_ bytes: [UInt8]) -> Bool {
        var cursor = settings.grammar
        guard cursor.advance(bytes) else { return false }
        constraint = GrammarConstraint(cursor, tokenizer: tokenizer)
        return true
    }
}

struct TriggeredSource: ConstraintSource {
    let settings: TriggeredConstraint.Settings
    let vocabulary: any Vocabulary
    let tokenizer: ForcedTokenizer

    func makeConstraint() -> any TokenConstraint { TriggeredConstraint(settings, vocabulary: vocabulary, tokenizer: tokenizer) }
}
