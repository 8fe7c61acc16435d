/// Encodes spans as an `ExportTraceServiceRequest` of OpenTelemetry's protocol.
///
/// The numbers of the fields are those of https://github.com/open-telemetry/opentelemetry-proto, in `opentelemetry/proto/`:
/// `collector/trace/v1/trace_service.proto`, `trace/v1/trace.proto`, `common/v1/common.proto` and `resource/v1/resource.proto`.
package enum ExportRequest {
    /// The max Unicode scalars of an attribute's text, and of a name.
    package static let longestText = 256
    static let mostAttributes = 64

    /// - resource: the properties of this program.
    /// - version: the version of this program.
    package static func bytes(_ spans: [FinishedSpan], resource: [TraceAttribute], version: String) -> [UInt8] {
        var request = ProtobufWriter()
        // ExportTraceServiceRequest: resource_spans = 1
        request.add(messageIn: 1) { resourceSpans in
            // ResourceSpans: resource = 1, scope_spans = 2. Resource: attributes = 1
            resourceSpans.add(messageIn: 1) { add(resource, field: 1, to: &$0) }
            resourceSpans.add(messageIn: 2) { scopeSpans in
                // ScopeSpans: scope = 1, spans = 2. InstrumentationScope: name = 1, version = 2
                scopeSpans.add(messageIn: 1) { scope in
                    scope.add("shimmy", field: 1)
                    if !version.isEmpty { scope.add(version, field: 2) }
                }
                for span in spans { scopeSpans.add(messageIn: 2) { add(span, to: &$0) } }
            }
        }
        return request.bytes
    }

    /// Span: trace_id = 1, span_id = 2, trace_state = 3, parent_span_id = 4, name = 5, kind = 6, start_time_unix_nano = 7, end_time_unix_nano = 8,
    /// attributes = 9, status = 15, flags = 16.
    private static func add(_ span: FinishedSpan, to message: inout ProtobufWriter) {
        message.add(span.context.traceID.bytes, field: 1)
        message.add(span.context.spanID.bytes, field: 2)
        if !span.context.state.isEmpty { message.add(span.context.state, field: 3) }
        if let parent = span.parent { message.add(parent.bytes, field: 4) }
        message.add(clipped(span.name), field: 5)
        message.add(span.kind.rawValue, field: 6)
        message.add(fixed: span.start, field: 7)
        message.add(fixed: span.end, field: 8)
        add(span.attributes, field: 9, to: &message)
        // Status: code = 3, with STATUS_CODE_ERROR = 2
        if span.isError { message.add(messageIn: 15) { $0.add(2, field: 3) } }
        // Above W3C's flags, bit 8 says that bit 9 is known, and bit 9 that the parent is remote.
        message.add(fixed: UInt32(span.context.flags) | 0x100 | (span.hasRemoteParent ? 0x200 : 0), field: 16)
    }

    /// KeyValue: key = 1, value = 2.
    private static func add(_ attributes: [TraceAttribute], field: UInt64, to message: inout ProtobufWriter) {
        for attribute in attributes.prefix(mostAttributes) {
            message.add(messageIn: field) { pair in
                pair.add(clipped(attribute.name), field: 1)
                pair.add(messageIn: 2) { add(attribute.value, to: &$0) }
            }
        }
    }

    /// AnyValue: string_value = 1, bool_value = 2, int_value = 3, array_value = 5. ArrayValue: values = 1.
    private static func add(_ value: TraceAttribute.Value, to message: inout ProtobufWriter) {
        switch value {
        case .text(let text): message.add(clipped(text), field: 1)
        case .flag(let flag): message.add(flag ? 1 : 0, field: 2)
        case .integer(let number): message.add(UInt64(bitPattern: Int64(number)), field: 3)
        case .texts(let texts):
            message.add(messageIn: 5) { array in
                for text in texts.prefix(mostAttributes) { array.add(messageIn: 1) { $0.add(clipped(text), field: 1) } }
            }
        }
    }

    private static func clipped(_ text: String) -> String {
        text.utf8.count <= longestText ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(longestText)))
    }
}
