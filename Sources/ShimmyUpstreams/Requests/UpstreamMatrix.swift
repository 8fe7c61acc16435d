import ShimmyChat

/// The fields of a request that each kind of upstream honours, and the work that this server does itself. It is made of the tables that translate
/// requests.
package enum UpstreamMatrix {
    /// A table with a column for each kind.
    package struct Section: Sendable {
        package let title: String
        package let kinds: [UpstreamKind]
        package let rows: [Row]
    }

    package struct Row: Sendable {
        /// The field, or the property of the answer.
        package let name: String
        /// A text for each kind.
        package let cells: [String]
    }

    package static var sections: [Section] { UpstreamDialect.allCases.map(section) + [endpoints] }

    // MARK: Answers to conversations

    private static func section(_ dialect: UpstreamDialect) -> Section {
        let kinds = UpstreamKind.allCases.filter { $0.dialects.contains(dialect) }
        let columns = kinds.map { Column(kind: $0, dialect: dialect) }
        let fields = UpstreamField.allCases.map { field in Row(name: "`\(field.rawValue)`", cells: columns.map { $0.cell(field) }) }
        let forms = forms.map { form in Row(name: form.name, cells: columns.map(form.cell)) }
        return Section(title: titles[dialect] ?? dialect.rawValue, kinds: kinds, rows: fields + forms)
    }

    private static let titles: [UpstreamDialect: String] = [
        .chat: "Chat completions", .responses: "Responses (`dialect = \"responses\"`)", .messages: "Messages (`dialect = \"messages\"`)",
    ]

    private struct Column {
        let kind: UpstreamKind
        let dialect: UpstreamDialect

        var fields: UpstreamFields { UpstreamFields.of(kind, dialect) }

        func cell(_ field: UpstreamField) -> String {
            guard let name = fields.name(field) else {
                if field == .effort, let arguments = fields.name(.templateArguments) { return "passed on in `\(arguments)`" }
                return field.lack.rawValue
            }
            return name == field.rawValue ? "passed on" : "passed on as `\(name)`"
        }
    }

    private static let forms: [(name: String, cell: @Sendable (Column) -> String)] = [
        (
            "`max_tokens`",
            { column in
                switch column.dialect {
                case .chat: "passed on"
                case .responses: "passed on as `max_output_tokens`"
                case .messages: "passed on; \(MessageCall.defaultTokens) if the request sets none"
                }
            }
        ),
        (
            "`stop`",
            { column in
                if column.dialect == .messages { return "passed on as `stop_sequences`; white space done here" }
                guard let most = column.fields.stops else { return "passed on" }
                return most == 0 ? "done here" : "passed on up to \(most), the others done here"
            }
        ),
        ("`response_format` with a schema", { schema($0) }),
        (
            "schemas of strict and required tools",
            { column in
                if column.fields.enforcesCalls { return "enforced" }
                return column.fields.enforcesTools ? "enforced if strict; checked here" : "checked here"
            }
        ), ("names and arguments of calls", { $0.fields.enforcesCalls ? "enforced" : "checked here" }),
        (
            "reasoning of the answer",
            { column in
                column.dialect == .messages || column.fields.separatesReasoning ? "separated by the upstream" : "separated here by its tags"
            }
        ), ("reasoning of earlier answers", { $0.fields.reasoningField == nil ? "left out" : "passed on" }),
        (
            "role `developer`",
            { column in
                if column.dialect == .messages { return "passed on as `system`" }
                return column.fields.takesDeveloper ? "passed on" : "passed on as role `system`"
            }
        ), ("the start of an answer to continue", { $0.fields.continuation == nil ? "refused" : "passed on" }),
        ("images of users", { "passed on as `\(imageNames[$0.dialect] ?? "")`" }),
        ("audio of users", { $0.dialect == .messages ? "refused" : "passed on as `input_audio`" }),
        ("images in outputs of tools", { $0.fields.outputMedia.contains($0.dialect) ? "passed on" : "passed on in the user's next message" }),
        ("`usage`", { $0.kind.tokenizes ? "passed on; if absent, counted with its tokenizer" : "passed on; if absent, estimated" }),
    ]

    private static let imageNames: [UpstreamDialect: String] = [.chat: "image_url", .responses: "input_image", .messages: "image"]

    private static func schema(_ column: Column) -> String {
        switch column.fields.schema {
        case .responseFormat: "enforced"
        case .strictResponseFormat: "enforced if strict; otherwise checked here"
        case .outputConfig where column.kind == .shimmy: "enforced"
        case .outputConfig: "enforced if strict; otherwise in the prompt and checked here"
        case .prompt: "in the prompt and checked here"
        }
    }

    // MARK: Other endpoints

    private static var endpoints: Section {
        let kinds = UpstreamKind.allCases
        func row(_ name: String, _ cell: (UpstreamKind) -> String) -> Row { Row(name: name, cells: kinds.map(cell)) }
        func text(_ name: String, _ yes: String, _ no: String, _ property: (UpstreamFields) -> Bool) -> Row {
            row(name) { kind in kind.takesTexts ? property(UpstreamFields.of(kind)) ? yes : no : "refused" }
        }
        let media = MediaRequest.Endpoint.allCases.map { endpoint in
            row("`\(endpoint.rawValue)`") { $0.makesMedia ? "passed on if the server has the route" : "refused" }
        }
        let dialects = row("dialects") { kind in kind.dialects.map { "`\($0.rawValue)`" }.joined(separator: ", ") }
        let rows = [
            row("text completions") { $0.takesTexts ? "passed on" : "refused" },
            text("several prompts", "passed on", "done here, a request for each", \.takesPrompts),
            text("prompts of tokens", "passed on", "refused", \.takesTokens), text("`suffix`", "passed on", "refused", \.takesSuffix),
            text("`echo` with `logprobs`", "refused", "refused") { _ in false },
            row("embeddings") { $0.embeds ? "passed on" : "refused" }, row("rerank") { $0.ranks ? "passed on" : "refused" },
            row("tokens of a text") { $0.tokenizes ? "passed on" : "refused" },
            row("prompt of a conversation") { $0.rendersPrompts ? "passed on" : "refused" },
        ]
        return Section(title: "Other requests", kinds: kinds, rows: rows + media + [dialects])
    }

    // MARK: Texts

    /// The matrix as Markdown, the content of docs/UPSTREAMS_COMPAT.md.
    package static var markdown: String {
        var lines = [
            "# What upstreams honour", "",
            "`shimmy compat upstreams` prints this page from the tables that translate requests for [upstreams](fleet.md).", "",
            "- Passed on: the upstream gets the field.",
            "- Ignored, reported: the field has no effect there, and the header `x-shimmy-ignored-params` names it.",
            "- Refused: a 400 with `unsupported_by_upstream` that names the field, unless another replica takes it.",
            "- Enforced: the upstream makes sure that the answer has the form.",
            "- Done here, checked here: this server does it. An answer that fails a check is requested once more if no part of it was passed on.",
            "  After that, the header `x-shimmy-unfit` and the log name the parts without the form.",
            "- Images and audio: if the upstream says that its model does not read them, they are refused here, and images in outputs of tools are replaced",
            "  by a text.",
            "- `openai` is OpenAI's API, also at Azure. Other hosts with this kind [get less](fleet.md#what-each-kind-honours).",
        ]
        for section in sections {
            lines += ["", "## \(section.title)", "", "| | " + section.kinds.map(\.rawValue).joined(separator: " | ") + " |"]
            lines.append("|---|" + String(repeating: "---|", count: section.kinds.count))
            lines += section.rows.map { "| \($0.name) | " + $0.cells.joined(separator: " | ") + " |" }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
