import ShimmyTracing
import Testing
import Tracing

/// The spans of requests, and those that libraries add.
@Suite struct RequestTracerTests {
    private struct Headers: Injector {
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
    }

    private struct Broken: Error {}

    private let queue = SpanQueue(capacity: 1000)
    private static let remote = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private func begin(_ tracer: RequestTracer, _ parent: String?, state: String = "a=1") -> RequestTrace {
        tracer.begin(traceparent: parent.map { [$0] } ?? [], tracestate: parent == nil ? [] : [state], arrived: .now)
    }

    @Test func aTraceContinues() throws {
        let trace = begin(RequestTracer(queue: queue), Self.remote)
        let start = ContinuousClock.now
        trace.end(
            "GET /x", .server, [TraceAttribute("a", 1)], isError: false,
            phases: [.init("queue", from: start, to: start + .milliseconds(5)), .init("odd", from: start, to: start - .seconds(1))])
        trace.end("again", .server, [], isError: false)
        let spans = queue.first(10)
        #expect(spans.map(\.name) == ["GET /x", "queue", "odd"])
        #expect(spans.allSatisfy { "\($0.context.traceID)" == "4bf92f3577b34da6a3ce929d0e0e4736" && $0.context.state == "a=1" && $0.end >= $0.start })
        #expect(spans[0].parent?.description == "00f067aa0ba902b7" && spans[0].hasRemoteParent && !spans[1].hasRemoteParent)
        #expect(spans[1].parent == spans[0].context.spanID && spans[2].parent == spans[0].context.spanID)
        #expect(Set(spans.map(\.context.spanID)).count == 3)
        #expect(spans[1].end - spans[1].start == 5_000_000)
    }

    @Test func aNewTraceHasItsOwnID() {
        let tracer = RequestTracer(queue: queue)
        let ids = (0..<100).map { _ in begin(tracer, nil).context.traceID }
        #expect(Set(ids).count == 100)
        #expect(begin(tracer, "00-zz").context.state.isEmpty)
    }

    @Test func librariesAddSpansBelowTheRequest() async {
        let tracer = RequestTracer(queue: queue)
        let trace = begin(tracer, Self.remote)
        let sent = await RequestTrace.with(trace) {
            let outer = tracer.startSpan("GET", ofKind: .client)
            var headers: [String: String] = [:]
            tracer.inject(outer.context, into: &headers, using: Headers())
            outer.attributes["url.full"] = "https://host/?signature=secret"
            outer.attributes["http.status_code"] = 500
            outer.recordError(Broken())
            let inner = tracer.startSpan("storage read", context: outer.context)
            inner.end()
            inner.end()
            outer.end()
            return headers
        }
        let spans = queue.first(10)
        #expect(spans.map(\.name) == ["storage read", "GET"])
        #expect(spans[1].parent == trace.context.spanID && spans[0].parent == spans[1].context.spanID)
        #expect(spans[1].attributes == [TraceAttribute("error.type", "Broken"), TraceAttribute("http.response.status_code", 500)])
        #expect(spans[1].isError && spans[1].kind == .client && !spans[0].isError)
        #expect(sent["traceparent"] == spans[1].context.traceparent && sent["tracestate"] == "a=1")
    }

    @Test func outsideOfARequestThereAreNoSpans() {
        let tracer = RequestTracer(queue: queue)
        let span = tracer.startSpan("storage write")
        var headers: [String: String] = [:]
        tracer.inject(span.context, into: &headers, using: Headers())
        span.end()
        #expect(!span.isRecording && queue.first(1).isEmpty && headers.isEmpty)
    }

    @Test func aRequestHasABoundedNumberOfSpans() async {
        let tracer = RequestTracer(queue: queue)
        await RequestTrace.with(begin(tracer, nil)) {
            for _ in 0..<500 { tracer.startSpan("storage read").end() }
        }
        #expect(queue.first(1000).count == SpanBudget.most)
    }

    @Test func anUnsampledTraceIsPassedOnAndNotRecorded() async {
        let tracer = RequestTracer(queue: queue)
        let trace = begin(tracer, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
        let sent = await RequestTrace.with(trace) {
            let span = tracer.startSpan("GET")
            var headers: [String: String] = [:]
            tracer.inject(span.context, into: &headers, using: Headers())
            span.end()
            return headers
        }
        trace.end("GET /x", .server, [], isError: false)
        #expect(queue.first(1).isEmpty)
        #expect(sent["traceparent"] == trace.context.traceparent && sent["traceparent"]?.hasSuffix("-00") == true)
    }

    @Test func aChildIsBelowItsTrace() {
        let trace = begin(RequestTracer(queue: queue), nil)
        trace.child().end("chat", .internal, [], isError: false)
        #expect(queue.first(1).map(\.parent) == [trace.context.spanID] && queue.first(1).map(\.context.traceID) == [trace.context.traceID])
    }

    @Test func aRatioRecordsThatPartOfTheTraces() {
        let tracer = RequestTracer(queue: queue, sampler: TraceSampler(.ratio(0.25)))
        let sampled = (0..<4000).count { _ in begin(tracer, nil).context.isSampled }
        // More than six standard deviations on both sides.
        #expect((820...1180).contains(sampled))
        #expect(begin(tracer, Self.remote).context.isSampled)
        #expect(!begin(RequestTracer(queue: queue, sampler: TraceSampler(.ratio(0), followsParent: false)), Self.remote).context.isSampled)
        #expect((0..<100).allSatisfy { _ in begin(RequestTracer(queue: queue, sampler: TraceSampler(.ratio(1))), nil).context.isSampled })
    }
}
