package import Tracing

/// The tracer of the server. It begins the traces of requests, and makes spans of the accesses that libraries report during a request.
///
/// There are no spans outside of a request: libraries also work in the background, where a trace of each access would be useless.
package final class RequestTracer: Sendable {
    package let queue: SpanQueue
    private let sampler: TraceSampler

    package init(queue: SpanQueue, sampler: TraceSampler = TraceSampler()) {
        self.queue = queue
        self.sampler = sampler
    }

    /// Makes this tracer the one that libraries report to. Must be called at most once in a process.
    package func takeLibraries() { InstrumentationSystem.bootstrap(self) }

    /// Begins the trace of a request.
    /// - traceparent, tracestate: the values of the request's headers with these names. Invalid headers begin a new trace.
    /// - arrived: the time at which the request arrived.
    package func begin(traceparent: [String], tracestate: [String], arrived: ContinuousClock.Instant) -> RequestTrace {
        let parent = TraceContext(traceparent: traceparent, tracestate: tracestate)
        let id = parent?.traceID ?? .random()
        let isSampled = sampler.samples(id, parent: parent)
        let context = parent?.child(.random(), isSampled: isSampled) ?? TraceContext(traceID: id, spanID: .random(), isSampled: isSampled)
        return RequestTrace(context, parent: parent?.spanID, hasRemoteParent: parent != nil, arrived: arrived, queue: queue)
    }
}

/// The span that is current in a task.
struct CurrentSpan: Sendable {
    let context: TraceContext
    let budget: SpanBudget
}

enum CurrentSpanKey: InstrumentationContextKey {
    typealias Value = CurrentSpan
}

extension RequestTracer: Tracer {
    package typealias Span = LiveSpan

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind, at instant: @autoclosure () -> Instant,
        function: String, file fileID: String, line: UInt
    ) -> LiveSpan {
        let outer = context()
        guard let current = outer[CurrentSpanKey.self], current.context.isSampled else { return LiveSpan(unrecordedIn: outer) }
        guard current.budget.take() else {
            queue.drop()
            return LiveSpan(unrecordedIn: outer)
        }
        let own = current.context.child(.random())
        var inner = outer
        inner[CurrentSpanKey.self] = CurrentSpan(context: own, budget: current.budget)
        return LiveSpan(
            operationName, kind, own, parent: current.context.spanID, start: instant().nanosecondsSinceEpoch, context: inner, queue: queue)
    }

    package func forceFlush() {}

    package func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let current = context[CurrentSpanKey.self] else { return }
        injector.inject(current.context.traceparent, forKey: "traceparent", into: &carrier)
        if !current.context.state.isEmpty { injector.inject(current.context.state, forKey: "tracestate", into: &carrier) }
    }

    /// Does nothing: `begin` reads the headers of requests, and no library gets requests from others.
    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {}
}
