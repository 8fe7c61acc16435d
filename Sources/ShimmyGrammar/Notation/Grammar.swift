// What a text may be, and which tokens can come next: grammars, regular expressions and JSON Schemas over a vocabulary of byte strings.
// Knows bytes and tokens; nothing of models, conversations or HTTP.

/// Rules that describe a set of texts; the first text is what `root` describes.
struct Grammar: Sendable, Equatable {
    indirect enum Expression: Sendable, Equatable {
        /// A text, byte by byte.
        case literal([UInt8])
        /// One character of a set.
        case set(ScalarSet)
        case rule(String)
        /// A control token, by its text.
        case control(String)
        case sequence([Expression])
        case choice([Expression])
        /// - most: nil for any number.
        case repeated(Expression, least: Int, most: Int?)

        static let empty = Expression.sequence([])
    }

    var rules: [String: Expression]
    var root = "root"
}
