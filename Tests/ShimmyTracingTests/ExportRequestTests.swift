import ShimmyTracing
import Testing

/// The bytes of exports. Python's `opentelemetry-proto` made the expected ones.
@Suite struct ExportRequestTests {
    private func span(_ name: String, _ attributes: [TraceAttribute]) throws -> FinishedSpan {
        let traceID = try #require(TraceID(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10))
        let parent = try #require(TraceContext(traceparent: ["00-\(traceID)-1112131415161718-01"], tracestate: ["a=1"]))
        return FinishedSpan(
            context: parent, parent: SpanID(0x2122_2324_2526_2728), hasRemoteParent: true, name: name, kind: .server,
            start: 1_700_000_000_000_000_001, end: 1_700_000_000_000_000_300, attributes: attributes, isError: true)
    }

    @Test func theBytesAreThoseOfTheOfficialLibrary() throws {
        let attributes = [
            TraceAttribute("n", -1), TraceAttribute("m", 300), TraceAttribute("b", .flag(true)), TraceAttribute("l", .texts(["stop", "é"])),
        ]
        let bytes = ExportRequest.bytes([try span("GET /x", attributes)], resource: [TraceAttribute("service.name", "shimmy")], version: "1.2")
        let expected = """
            0abe010a1a0a180a0c736572766963652e6e616d6512080a067368696d6d79129f010a0d0a067368696d6d791203312e32128d010a100102030405060708090a0b0c0d0e\
            0f10120811121314151617181a03613d31220821222324252627282a06474554202f7830023901002a36fe9c9717412c012a36fe9c97174a100a016e120b18ffffffffff\
            ffffffff014a080a016d120318ac024a070a0162120210014a150a016c12102a0e0a060a0473746f700a040a02c3a97a021802850101030000
            """
        #expect(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == expected)
    }

    @Test func textsAndCountsAreBounded() throws {
        let long = String(repeating: "x", count: 100_000)
        let attributes = (0..<1000).map { TraceAttribute("\(long)\($0)", long) }
        let bytes = ExportRequest.bytes([try span(long, attributes)], resource: [], version: "")
        #expect(bytes.count < 64 * 2 * (ExportRequest.longestText + 16) + 1000)
    }
}
