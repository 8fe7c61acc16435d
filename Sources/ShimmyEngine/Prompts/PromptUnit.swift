package import ShimmyCore

/// The content of one cell of the KV cache: a token, or one cell of a media segment. Two cells with equal units, after equal units, are
/// interchangeable.
package struct PromptUnit: Hashable, Sendable, BytewiseEquatable, ExpressibleByIntegerLiteral {
    /// A token, or a negative hash of the segment's content and the cell's index in the segment.
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }

    package init(_ token: Token) { rawValue = Int64(token) }

    /// Creates the unit of a token.
    package init(integerLiteral token: Token) { self.init(token) }

    /// The token; nil for a cell of a media segment.
    package var token: Token? { rawValue < 0 ? nil : Token(truncatingIfNeeded: rawValue) }
}
