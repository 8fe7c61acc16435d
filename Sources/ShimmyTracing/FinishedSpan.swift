/// A span that has ended, as it is exported.
package struct FinishedSpan: Sendable, Equatable {
    /// The raw values are those of OpenTelemetry's protocol.
    package enum Kind: UInt64, Sendable {
        case `internal` = 1
        case server, client, producer, consumer
    }

    package let context: TraceContext
    /// The span above this one; nil for the first span of a trace.
    package let parent: SpanID?
    /// Whether the parent is a span of another process.
    package let hasRemoteParent: Bool
    package let name: String
    package let kind: Kind
    /// The beginning and the end in nanoseconds since 1970.
    package let start: UInt64
    package let end: UInt64
    package let attributes: [TraceAttribute]
    package let isError: Bool

    package init(
        context: TraceContext, parent: SpanID?, hasRemoteParent: Bool, name: String, kind: Kind, start: UInt64, end: UInt64,
        attributes: [TraceAttribute], isError: Bool
    ) {
        self.context = context
        self.parent = parent
        self.hasRemoteParent = hasRemoteParent
        self.name = name
        self.kind = kind
        self.start = start
        self.end = end
        self.attributes = attributes
        self.isError = isError
    }
}

/// A property of a span or of the program.
package struct TraceAttribute: Sendable, Equatable {
    package enum Value: Sendable, Equatable {
        case text(String)
        case integer(Int)
        case flag(Bool)
        case texts([String])
    }

    package let name: String
    package let value: Value

    package init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }

    package init(_ name: String, _ text: String) { self.init(name, .text(text)) }

    package init(_ name: String, _ number: Int) { self.init(name, .integer(number)) }
}
