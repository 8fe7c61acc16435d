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

    @Test func theTextsContainAllRows() {
        let rows = UpstreamMatrix.sections.reduce(0) { $0 + $1.rows.count }
        let lines = UpstreamMatrix.markdown.split(separator: "\n").filter { $0.hasPrefix("| ") }
        #expect(lines.count == rows + UpstreamMatrix.sections.count)
        let sections = UpstreamMatrix.json["sections"]?.arrayValue ?? []
        #expect(sections.reduce(0) { $0 + ($1["rows"]?.arrayValue?.count ?? 0) } == rows)
    }
}
