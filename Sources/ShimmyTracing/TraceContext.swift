// This module makes spans of requests and sends them to a collector. It knows W3C's trace context and OpenTelemetry's protocol, but neither requests
// nor models.

/// The position of a span in a trace, as W3C's Trace Context defines it: https://www.w3.org/TR/trace-context-2/
package struct TraceContext: Sendable, Equatable {
    package let traceID: TraceID
    package let spanID: SpanID
    /// W3C's trace flags. Bit 0 says that the trace is recorded, bit 1 that the trace id is random.
    package let flags: UInt8
    /// The text of `tracestate`: entries of other tracing systems, which are passed on unchanged; empty for none.
    package let state: String

    static let sampledFlag: UInt8 = 1
    private static let randomFlag: UInt8 = 2

    package init(traceID: TraceID, spanID: SpanID, isSampled: Bool, state: String = "") {
        self.init(traceID: traceID, spanID: spanID, flags: isSampled ? Self.sampledFlag : 0, state: state)
    }

    private init(traceID: TraceID, spanID: SpanID, flags: UInt8, state: String) {
        self.traceID = traceID
        self.spanID = spanID
        self.flags = flags
        self.state = state
    }

    /// Reads the headers of a request; nil if it has no valid `traceparent`. An invalid `tracestate` is dropped, and the trace continues without it.
    /// - traceparent: the values of all headers of this name. Several are invalid.
    /// - tracestate: the values of all headers of this name, in order.
    package init?(traceparent: [String], tracestate: [String]) {
        guard traceparent.count == 1 else { return nil }
        let text = Array(traceparent[0].utf8.prefix(Self.longestParent + 1))
        // version "-" trace id "-" parent id "-" flags. Version ff is invalid, and versions above 00 can have further fields.
        guard text.count >= Self.parentLength, text.count <= Self.longestParent, text[2] == Self.dash, text[35] == Self.dash, text[52] == Self.dash,
            let version = Self.number(text[0..<2]), version != 0xff, text.count == Self.parentLength || version > 0 && text[55] == Self.dash,
            let high = Self.number(text[3..<19]), let low = Self.number(text[19..<35]), let traceID = TraceID(high: high, low: low),
            let spanID = Self.number(text[36..<52]).flatMap(SpanID.init), let flags = Self.number(text[53..<55])
        else { return nil }
        let known = UInt8(truncatingIfNeeded: flags) & (Self.sampledFlag | Self.randomFlag)
        self.init(traceID: traceID, spanID: spanID, flags: known, state: TraceState.text(tracestate) ?? "")
    }

    package var isSampled: Bool { flags & Self.sampledFlag != 0 }

    /// The value of the header `traceparent`.
    package var traceparent: String { "00-\(traceID)-\(spanID)-0\(flags)" }

    /// Returns the context of a span below this one.
    /// - isSampled: whether the span is recorded; nil for the decision of this context.
    func child(_ spanID: SpanID, isSampled: Bool? = nil) -> TraceContext {
        let isSampled = isSampled ?? self.isSampled
        return TraceContext(
            traceID: traceID, spanID: spanID, flags: flags & Self.randomFlag | (isSampled ? Self.sampledFlag : 0), state: state)
    }

    private static let parentLength = 55
    /// The max bytes of a header of a later version, whose further fields are not read.
    private static let longestParent = 512
    private static let dash = UInt8(ascii: "-")

    /// Returns the number of up to 16 hexadecimal digits; nil for other bytes, also for upper-case digits, which are invalid here.
    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }
}
