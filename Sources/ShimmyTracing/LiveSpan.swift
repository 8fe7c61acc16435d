import Synchronization
package import Tracing

/// A span that a library has begun. Of its attributes, only known ones are exported: others could contain addresses with signatures, or texts.
package final class LiveSpan: Sendable {
    private struct State {
        var name: String
        var attributes = SpanAttributes()
        var isError = false
        var hasEnded = false
    }

    /// The parts that do not change; nil if the span is not recorded.
    private struct Record: Sendable {
        let kind: FinishedSpan.Kind
        let context: TraceContext
        let parent: SpanID
        let start: UInt64
        let queue: SpanQueue
    }

    package let context: InstrumentationContext
    private let record: Record?
    private let state: Mutex<State>

    /// The exported attributes by the names that libraries use.
    private static let exportedNames = [
        "http.request.method": "http.request.method", "http.status_code": "http.response.status_code", "server.address": "server.address",
        "server.port": "server.port", "url.scheme": "url.scheme", "url.path": "url.path", "error.type": "error.type",
    ]

    init(
        _ name: String, _ kind: SpanKind, _ own: TraceContext, parent: SpanID, start: UInt64, context: InstrumentationContext, queue: SpanQueue
    ) {
        self.context = context
        record = Record(kind: FinishedSpan.Kind(kind), context: own, parent: parent, start: start, queue: queue)
        state = Mutex(State(name: name))
    }

    /// Creates a span that is not exported, and that leaves the current span as it is.
    init(unrecordedIn context: InstrumentationContext) {
        self.context = context
        record = nil
        state = Mutex(State(name: ""))
    }

    private static func exported(_ attributes: SpanAttributes) -> [TraceAttribute] {
        var found: [TraceAttribute] = []
        attributes.forEach { name, value in
            guard let exported = exportedNames[name] else { return }
            switch value {
            case .string(let text): found.append(TraceAttribute(exported, text))
            case .int64(let number): found.append(TraceAttribute(exported, Int(number)))
            case .int32(let number): found.append(TraceAttribute(exported, Int(number)))
            default: break
            }
        }
        return found.sorted { $0.name < $1.name }
    }
}

extension LiveSpan: Tracing.Span {
    package var isRecording: Bool { record != nil && !state.withLock { $0.hasEnded } }

    package var operationName: String {
        get { state.withLock { $0.name } }
        set { state.withLock { $0.name = newValue } }
    }

    package var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { state.withLock { $0.attributes = newValue } }
    }

    package func setStatus(_ status: SpanStatus) {
        let isError = status.code == .error
        state.withLock { $0.isError = isError }
    }

    /// Records the type of an error. Its description could contain texts.
    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        let name = String(describing: type(of: error))
        state.withLock {
            $0.attributes["error.type"] = name
            $0.isError = true
        }
    }

    package func addEvent(_ event: SpanEvent) {}

    package func addLink(_ link: SpanLink) {}

    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard let record else { return }
        let last: State? = state.withLock { state in
            if state.hasEnded { return nil }
            state.hasEnded = true
            return state
        }
        guard let last else { return }
        let end = max(record.start, instant().nanosecondsSinceEpoch)
        record.queue.add([
            FinishedSpan(
                context: record.context, parent: record.parent, hasRemoteParent: false, name: last.name, kind: record.kind, start: record.start,
                end: end, attributes: Self.exported(last.attributes), isError: last.isError)
        ])
    }
}

extension FinishedSpan.Kind {
    fileprivate init(_ kind: SpanKind) {
        self =
            switch kind {
            case .server: .server
            case .client: .client
            case .producer: .producer
            case .consumer: .consumer
            default: .internal
            }
    }
}
