import ShimmyChat
import ShimmyJSON
import ShimmyUpstreams
import Testing

/// The matrix of what each kind of upstream honours.
@Suite struct UpstreamMatrixTests {
    private func cell(_ section: Int, _ name: String, _ kind: UpstreamKind) -> String? {
        let section = UpstreamMatrix.sections[section]
        guard let column = section.kinds.firstIndex(of: kind) else { return nil }
        return section.rows.first { $0.name == name }?.cells[column]
    }

    @Test func eachFieldHasACellForEachKind() {
        let sections = UpstreamMatrix.sections
        #expect(sections.count == UpstreamDialect.allCases.count + 1)
        for section in sections {
            let cells = section.rows.flatMap(\.cells)
            #expect(section.rows.allSatisfy { $0.cells.count == section.kinds.count } && !cells.isEmpty && !cells.contains(""))
        }
        for (section, dialect) in zip(sections, UpstreamDialect.allCases) {
            let names = Set(section.rows.map(\.name))
            #expect(UpstreamField.allCases.allSatisfy { names.contains("`\($0.rawValue)`") }, "\(dialect)")
        }
    }

    @Test func cellsFollowTheTables() {
        #expect(cell(0, "`top_k`", .vllm) == "passed on" && cell(0, "`top_k`", .ollama) == "ignored, reported")
        #expect(cell(0, "`repeat_penalty`", .sglang) == "passed on as `repetition_penalty`")
        #expect(cell(0, "`grammar`", .openai) == "refused" && cell(0, "`n`", .llamaServer) == "done here")
        #expect(cell(0, "names and arguments of calls", .vllm) == "checked here" && cell(0, "`top_k`", .anthropic) == nil)
        let tools = "schemas of strict and required tools"
        #expect(cell(0, tools, .vllm) == "enforced if strict; checked here" && cell(0, tools, .sglang) == "checked here")
        #expect(cell(1, tools, .vllm) == "checked here" && cell(2, tools, .vllm) == "checked here")
        #expect(cell(1, "`stop`", .openai) == "done here" && cell(2, "`user`", .anthropic) == "passed on as `metadata.user_id`")
        #expect(cell(3, "embeddings", .anthropic) == "refused" && cell(3, "tokens of a text", .vllm) == "passed on")
    }

    @Test func mediaInMessagesHaveCells() {
        let outputs = "images in outputs of tools"
        let images = "images of users"
        #expect(cell(0, images, .vllm) == "passed on as `image_url`" && cell(1, images, .openai) == "passed on as `input_image`")
        #expect(cell(0, "audio of users", .vllm) == "passed on as `input_audio`" && cell(2, "audio of users", .anthropic) == "refused")
        #expect(cell(0, outputs, .openai) == "passed on in the user's next message" && cell(0, outputs, .shimmy) == "passed on")
        #expect(cell(1, outputs, .openai) == "passed on" && cell(1, outputs, .vllm) == "passed on in the user's next message")
        #expect(cell(2, outputs, .anthropic) == "passed on" && cell(2, outputs, .ollama) == "passed on")
    }

    /// The upstream is asked only if the matrix says so.
    @Test(arguments: UpstreamKind.allCases) func mediaRoutesHaveCells(kind: UpstreamKind) async throws {
        try await ScriptedUpstream.with(kind, script: { _, _ in .json(["error": "not found"], status: 404) }) { endpoint, server in
            for route in MediaRequest.Endpoint.allCases {
                let before = server.requests.count
                let found = try await failure {
                    _ = try await endpoint.forward(
                        MediaRequest(endpoint: route, body: .json(["model": "m"])), model: "m", context: UpstreamContext())
                }
                #expect(found?.reason == .unsupported(field: "model"))
                let expected = server.requests.count > before ? "passed on if the server has the route" : "refused"
                #expect(cell(3, "`\(route.rawValue)`", kind) == expected)
            }
        }
    }

    @Test func theTextsContainAllRows() {
        let rows = UpstreamMatrix.sections.reduce(0) { $0 + $1.rows.count }
        let lines = UpstreamMatrix.markdown.split(separator: "\n").filter { $0.hasPrefix("| ") }
        #expect(lines.count == rows + UpstreamMatrix.sections.count)
        let sections = UpstreamMatrix.json["sections"]?.arrayValue ?? []
        #expect(sections.reduce(0) { $0 + ($1["rows"]?.arrayValue?.count ?? 0) } == rows)
    }
}
