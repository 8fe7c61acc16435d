// What can be wrong with a JSON text, and how much of it is read.

/// The bounds of what the parser accepts.
package struct JSONLimits: Sendable {
    /// How deep arrays and objects may nest. The parser recurses, and the stack of a secondary thread is 512 KiB on macOS.
    package var depth: Int
    /// How long the text may be.
    package var bytes: Int
    /// How many values it may hold: each takes some forty bytes of memory, and two of text.
    package var values: Int
    /// How many characters a number may have.
    package var digits: Int
    /// Asked every few thousand values; parsing fails with the limit `.stopped` when it returns true.
    package var isStopped: (@Sendable () -> Bool)?

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

/// The first thing wrong with a JSON text.
package struct JSONError: Error, Equatable, CustomStringConvertible {
    /// One line, fit for a client: "expected ',' or '}' after an object member".
    package let message: String
    /// In bytes from the start of the text.
    package let offset: Int
    /// From 1.
    package let line: Int
    /// From 1, in Unicode scalars.
    package let column: Int
    /// The bound that a well-formed text went beyond; nil for a text that is not JSON.
    package var limit: Limit?

    package enum Limit: Sendable, Equatable { case depth, bytes, values, digits, stopped }

    package var description: String {
        "\(message) (line \(line), column \(column))"
    }
}

extension JSONError {
    /// Works out line and column, which costs a pass over the text up to `offset`.
    init(_ message: String, at offset: Int, in text: UnsafeBufferPointer<UInt8>, limit: Limit? = nil) {
        self.limit = limit
        let before = text.prefix(offset)
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        self.message = message
        self.offset = offset
        line = before.count { $0 == UInt8(ascii: "\n") } + 1
        // A scalar has one byte that is not a continuation byte.
        column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
    }
}
