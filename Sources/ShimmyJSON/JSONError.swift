// The errors of the parser, and its limits.

/// The limits of the parser.
package struct JSONLimits: Sendable {
    /// The max nesting depth of arrays and objects. The parser recurses, and the stack of a secondary thread is 512 KiB on macOS.
    package var depth: Int
    /// The max length of the text, in bytes.
    package var bytes: Int
    /// The max number of values. Each takes about 40 bytes of memory, but as few as two bytes of text.
    package var values: Int
    /// The max number of characters of a number.
    package var digits: Int
    /// A function that the parser calls every few thousand values. If it returns true, parsing fails with the limit `.stopped`. Nil to never stop.
    package var isStopped: (@Sendable () -> Bool)?
    /// Whether half of a surrogate pair becomes U+FFFD instead of an error. JavaScript clients send halves when they cut a text inside an emoji.
    package var replacesLoneSurrogates = false

    package init(
        depth: Int = 128, bytes: Int = .max, values: Int = .max, digits: Int = .max, isStopped: (@Sendable () -> Bool)? = nil
    ) {
        self.values = values
        self.depth = depth
        self.bytes = bytes
        self.digits = digits
        self.isStopped = isStopped
    }
}

/// The first error in a JSON text.
package struct JSONError: Error, Equatable, CustomStringConvertible {
    /// One line that may be shown to a client: "expected ',' or '}' after an object member".
    package let message: String
    /// The offset in bytes from the start of the text.
    package let offset: Int
    /// The line, counted from 1.
    package let line: Int
    /// The column in Unicode scalars, counted from 1.
    package let column: Int
    /// The limit that a well-formed text exceeds; nil for a text that is not JSON.
    package var limit: Limit?
    /// Whether the text ends where more is needed, so that a longer text could be JSON.
    package var isAtEnd = false

    package enum Limit: Sendable, Equatable { case depth, bytes, values, digits, stopped }

    package var description: String {
        "\(message) (line \(line), column \(column))"
    }
}

extension JSONError {
    /// Computes the line and the column, which takes a pass over the text up to `offset`.
    init(_ message: String, at offset: Int, in text: UnsafeBufferPointer<UInt8>, limit: Limit? = nil) {
        self.limit = limit
        let before = text.prefix(offset)
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        self.message = message
        self.offset = offset
        line = before.count { $0 == UInt8(ascii: "\n") } + 1
        // A scalar has exactly one byte that is not a continuation byte.
        column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
    }
}
