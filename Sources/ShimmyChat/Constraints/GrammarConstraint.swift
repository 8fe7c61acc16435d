import ShimmyCore
import ShimmyEngine
import ShimmyGrammar

/// A constraint that allows only the tokens that match a grammar.
final class GrammarConstraint: TokenConstraint {
    private var cursor: GrammarCursor
    private let tokenizer: ForcedTokenizer
    private var known: (mask: TokenMask?, forced: [Token]?)

    init(_ cursor: GrammarCursor, tokenizer: ForcedTokenizer) {
        self.cursor = cursor
        self.tokenizer = tokenizer
    }

    var forced: [Token] {
        if let forced = known.forced { return forced }
        let forced = tokenizer.tokens(of: cursor.forced)
        known.forced = forced
        return forced
    }

    var mask: TokenMask? {
        if let mask = known.mask { return mask }
        let mask = cursor.mask
        known.mask = mask
        return mask
    }

    func prepare(until deadline: ContinuousClock.Instant) -> Bool {
        if known.mask == nil, forced.isEmpty { known.mask = cursor.mask(until: deadline) }
        return known.mask != nil || !forced.isEmpty
    }

    func accept(_ token: Token) {
        cursor.advance(token)
        known = (nil, nil)
    }
}

/// Makes a constraint for each sequence of a request, all starting at the same grammar state.
struct GrammarSource: ConstraintSource {
    let cursor: GrammarCursor
    let tokenizer: ForcedTokenizer

    func makeConstraint() -> any TokenConstraint { GrammarConstraint(cursor, tokenizer: tokenizer) }
}
