import Synchronization
import Tracing

/// The trace of one request, or of one answer without a request of its own, until its end.
package final class RequestTrace: Sendable {
    /// A part of a request's time, which becomes a span below that of the request.
    package struct Phase: Sendable {
        package let name: String
        package let start: ContinuousClock.Instant
        package let end: ContinuousClock.Instant
        package let attributes: [TraceAttribute]

        package init(_ name: String, from start: ContinuousClock.Instant, to end: ContinuousClock.Instant, _ attributes: [TraceAttribute] = []) {
            self.name = name
            self.start = start
            self.end = end
            self.attributes = attributes
        }
    }

    package let context: TraceContext
    private let parent: SpanID?
    private let hasRemoteParent: Bool
    private let arrived: ContinuousClock.Instant
    private let queue: SpanQueue
    private let budget = SpanBudget()
    private let hasEnded = Atomic<Bool>(false)
    /// One moment on both clocks, so that a change of the system's clock during the request does not change durations.
    private let moment = (instant: ContinuousClock.now, nanoseconds: DefaultTracerClock.now.nanosecondsSinceEpoch)

    init(_ context: TraceContext, parent: SpanID?, hasRemoteParent: Bool, arrived: ContinuousClock.Instant, queue: SpanQueue) {
        self.context = context
        self.parent = parent
        self.hasRemoteParent = hasRemoteParent
        self.arrived = arrived
        self.queue = queue
    }

    /// Begins a trace below this one, for an answer that outlives its request or that shares a connection with others.
    package func child() -> RequestTrace {
        RequestTrace(context.child(.random()), parent: context.spanID, hasRemoteParent: false, arrived: .now, queue: queue)
    }

    /// Runs `body` with the spans of libraries below that of a trace.
    /// - trace: the trace; nil for no spans.
    @concurrent package static func with<Value: Sendable>(
        _ trace: RequestTrace?, _ body: @concurrent () async throws -> Value
    ) async rethrows -> Value {
        try await InstrumentationContext.$current.withValue(trace?.inner, operation: body)
    }

    private var inner: InstrumentationContext {
        var context = InstrumentationContext.topLevel
        context[CurrentSpanKey.self] = CurrentSpan(context: self.context, budget: budget)
        return context
    }

    /// Ends the trace now and exports its span and its phases. Only the first call has an effect.
    package func end(_ name: String, _ kind: FinishedSpan.Kind, _ attributes: [TraceAttribute], isError: Bool, phases: [Phase] = []) {
        guard !hasEnded.exchange(true, ordering: .relaxed), context.isSampled else { return }
        let start = nanoseconds(arrived)
        let own = FinishedSpan(
            context: context, parent: parent, hasRemoteParent: hasRemoteParent, name: name, kind: kind, start: start,
            end: max(start, nanoseconds(.now)), attributes: attributes, isError: isError)
        let below = phases.map { phase in
            let start = nanoseconds(phase.start)
            return FinishedSpan(
                context: context.child(.random()), parent: context.spanID, hasRemoteParent: false, name: phase.name, kind: .internal, start: start,
                end: max(start, nanoseconds(phase.end)), attributes: phase.attributes, isError: false)
        }
        queue.add([own] + below)
    }

    /// Returns a time in nanoseconds since 1970.
    private func nanoseconds(_ instant: ContinuousClock.Instant) -> UInt64 {
        let (seconds, attoseconds) = (instant - moment.instant).components
        let (product, hasOverflown) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if hasOverflown { return moment.nanoseconds }
        return moment.nanoseconds &+ UInt64(bitPattern: product &+ attoseconds / 1_000_000_000)
    }
}
