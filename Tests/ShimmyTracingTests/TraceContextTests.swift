import ShimmyTracing
import Testing

/// The headers of W3C's Trace Context, as clients send them.
@Suite struct TraceContextTests {
    private static let traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let spanID = "00f067aa0ba902b7"
    private static let parent = "00-\(traceID)-\(spanID)-01"

    private func state(_ headers: String...) -> String? { TraceContext(traceparent: [Self.parent], tracestate: headers)?.state }

    @Test func aValidHeader() throws {
        let context = try #require(TraceContext(traceparent: [Self.parent], tracestate: []))
        #expect("\(context.traceID)" == Self.traceID && "\(context.spanID)" == Self.spanID)
        #expect(context.isSampled && context.state.isEmpty)
        #expect(context.traceparent == Self.parent)
    }

    @Test func theFlags() throws {
        let flags = ["00": false, "01": true, "02": false, "03": true, "ff": true]
        for (text, isSampled) in flags {
            let context = try #require(TraceContext(traceparent: ["00-\(Self.traceID)-\(Self.spanID)-\(text)"], tracestate: []))
            #expect(context.isSampled == isSampled)
        }
        // Flags that W3C does not define are not passed on.
        #expect(TraceContext(traceparent: ["00-\(Self.traceID)-\(Self.spanID)-fd"], tracestate: [])?.traceparent.suffix(2) == "01")
    }

    private static let hostile: [String] = [
        "", "00", "00-", parent.uppercased(), parent + "-", parent + "-01", parent + " ", " " + parent, String(parent.dropLast()),
        "ff-\(traceID)-\(spanID)-01", "0x-\(traceID)-\(spanID)-01", "00-\(String(repeating: "0", count: 32))-\(spanID)-01",
        "00-\(traceID)-\(String(repeating: "0", count: 16))-01", "00_\(traceID)_\(spanID)_01", "00-\(traceID)-\(spanID)-0g",
        "00-\(traceID)-\(spanID.dropLast())é-01", "01-\(traceID)-\(spanID)-01x", "01-\(traceID)-\(spanID)-01" + String(repeating: "-x", count: 5000),
        String(repeating: "-", count: 55), "00-\(traceID)-\(spanID)-+1",
    ]

    @Test(arguments: hostile) func aHostileHeaderBeginsANewTrace(header: String) {
        #expect(TraceContext(traceparent: [header], tracestate: ["a=1"]) == nil)
    }

    @Test func aLaterVersionCanHaveFurtherFields() {
        let parent = Self.parent.dropFirst(2)
        #expect(TraceContext(traceparent: ["01\(parent)"], tracestate: [])?.traceparent == Self.parent)
        #expect(TraceContext(traceparent: ["cc\(parent)-what-the-future-has"], tracestate: [])?.traceparent == Self.parent)
    }

    @Test func severalHeadersAreInvalid() {
        #expect(TraceContext(traceparent: [Self.parent, Self.parent], tracestate: []) == nil)
        #expect(TraceContext(traceparent: [], tracestate: ["a=1"]) == nil)
    }

    @Test func theStateIsPassedOn() {
        #expect(state("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE") == "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
        #expect(state(" a=1 ,\t, b@c-d=x y!", "", "e/f=~") == "a=1,b@c-d=x y!,e/f=~")
        #expect(state() == "")
    }

    private static let hostileStates: [String] = [
        "a", "=1", "a=", "A=1", "a=1,a=2", "a=1=2", "a=é", "a=\u{7}", "a@b@c=1", "_a=1", "a b=1", "a=1,b", "\(String(repeating: "k", count: 257))=1",
        "a=\(String(repeating: "v", count: 257))", (0..<33).map { "k\($0)=1" }.joined(separator: ","),
        (0..<3).map { "k\($0)=\(String(repeating: "v", count: 200))" }.joined(separator: ","), String(repeating: ",", count: 100_000),
    ]

    @Test(arguments: hostileStates) func aHostileStateIsDroppedAndTheTraceContinues(state: String) throws {
        let context = try #require(TraceContext(traceparent: [Self.parent], tracestate: [state]))
        #expect(context.state.isEmpty && "\(context.traceID)" == Self.traceID)
    }
}
