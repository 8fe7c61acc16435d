import ShimmyCore

/// The id of a trace: 16 bytes that are not all zero.
package struct TraceID: Hashable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init?(high: UInt64, low: UInt64) {
        if high == 0, low == 0 { return nil }
        self.high = high
        self.low = low
    }

    /// Returns a new id. Its last seven bytes are random, as W3C's recommendation asks for.
    static func random() -> TraceID {
        while true {
            if let id = TraceID(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max)) { return id }
        }
    }

    package var bytes: [UInt8] { high.bigEndianBytes + low.bigEndianBytes }

    package var description: String { bytes.hexadecimal }
}

/// The id of a span: 8 bytes that are not all zero.
package struct SpanID: Hashable, Sendable, CustomStringConvertible {
    package let number: UInt64

    package init?(_ number: UInt64) {
        if number == 0 { return nil }
        self.number = number
    }

    static func random() -> SpanID {
        while true {
            if let id = SpanID(.random(in: 0 ... .max)) { return id }
        }
    }

    package var bytes: [UInt8] { number.bigEndianBytes }

    package var description: String { bytes.hexadecimal }
}

extension UInt64 {
    /// The bytes, the most significant first.
    fileprivate var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
