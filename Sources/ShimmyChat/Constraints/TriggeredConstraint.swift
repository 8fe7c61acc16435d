import ShimmyCore
import ShimmyEngine
import ShimmyGrammar

/// A constraint that allows all tokens until a trigger matches, and then applies a grammar. The grammar describes the trigger as well.
final class TriggeredConstraint: TokenConstraint {
    /// A pattern that is a trigger only at a certain position.
    struct Opening: Sendable {
        /// The text directly before the trigger; nil for the start of the answer.
        var after: [UInt8]?
        /// The state of the trigger's pattern; the initial state in `Settings`.
        var cursor: GrammarCursor
        /// The bytes matched so far.
        var read: [UInt8] = []
    }

    struct Settings: Sendable {
        /// Texts that are triggers at any position.
        var words: [[UInt8]] = []
        var openings: [Opening] = []
        var grammar: GrammarCursor
    }

    private let settings: Settings
    private let vocabulary: any Vocabulary
    private let tokenizer: ForcedTokenizer
    private var constraint: GrammarConstraint?
    /// Openings that match the text partially.
    private var begun: [Opening]
    /// The last bytes (up to 256), enough for any trigger text.
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

    /// Reads a byte. For each trigger that ends with it, returns the texts with which the grammar may start.
    private func triggers(endingWith byte: UInt8) -> [[UInt8]] {
        var met: [[UInt8]] = []
        for index in begun.indices.reversed() {
            begun[index].read.append(byte)
            begun[index].cursor.advance([byte])
            let opening = begun[index]
            if opening.cursor.isDead { begun.remove(at: index) }
            guard opening.cursor.mayEnd else { continue }
            // Depending on the format, the grammar includes the text before the opening and leading spaces, or not.
            met += [(opening.after ?? []) + opening.read, opening.read, Array(opening.read.drop { $0 == 0x20 || $0 == 0x0A })]
        }
        tail.append(byte)
        func ends(with text: [UInt8]) -> Bool { tail.suffix(text.count).elementsEqual(text) }
        begun += settings.openings.filter { $0.after.map(ends) ?? false }
        met += settings.words.filter(ends)
        if tail.count > 256 { tail.removeFirst(128) }
        return met
    }

    /// Switches to the grammar. Returns false when `bytes` do not match it: such a text is unconstrained, like all other text. A text that the
    /// grammar cannot follow because it is too ambiguous gets a constraint that allows no token, so that the answer ends with an error.
    private func hold(_ bytes: [UInt8]) -> Bool {
        var cursor = settings.grammar
        guard cursor.advance(bytes) || cursor.meetsLimit else { return false }
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
