package import ShimmyJSON

extension Compatibility {
    /// Returns an API's part of the matrix as JSON, for programs.
    package static func json(_ api: API = .openAI) -> JSON {
        let rows = api.endpoints.map { endpoint -> JSON in
            var object: JSONObject = ["method": .string(endpoint.method), "path": .string(api.prefix + endpoint.path)]
            describe(endpoint.support, endpoint.test, into: &object)
            if !endpoint.request.isEmpty { object["request"] = .array(endpoint.request.map(json)) }
            if !endpoint.response.isEmpty { object["response"] = .array(endpoint.response.map(json)) }
            return .object(object)
        }
        return ["endpoints": .array(rows)]
    }

    private static func json(_ row: FieldRow) -> JSON {
        var object: JSONObject = ["field": .string(row.field)]
        describe(row.support, row.test, into: &object)
        return .object(object)
    }

    private static func describe(_ support: Support, _ test: String?, into object: inout JSONObject) {
        object["support"] = .string(support.word)
        let note = support.note
        if !note.isEmpty { object["note"] = .string(note) }
        if let test { object["test"] = .string(test) }
    }

    /// Returns an API's part of the matrix as Markdown, for people: the content of docs/OPENAI_COMPAT.md and of its neighbours.
    package static func markdown(_ api: API = .openAI) -> String {
        let command = api == .openAI ? "shimmy compat" : "shimmy compat \(api.rawValue)"
        var lines = [
            "# \(api.name) compatibility", "",
            "`\(command)` prints this page from the table that the server checks requests against. Every supported or partial row names the",
            "test that proves it. A `refused` field is a 400 that names it. An `ignored, reported` field has no effect; the",
            "response header `x-shimmy-ignored-params` names it and every unknown field. Values after `except` are neither refused nor reported.", "",
        ]
        lines += api == .openAI ? examples : []
        lines += ["## Endpoints", "", "| Endpoint | Support | Proof |", "|---|---|---|"]
        lines += api.endpoints.map {
            "| `\($0.method) \(api.prefix)\($0.path)` | \(cell($0.support)) | \($0.test.map { "`\($0)`" } ?? "") |"
        }
        for endpoint in api.endpoints where !endpoint.request.isEmpty || !endpoint.response.isEmpty {
            lines += ["", "## `\(endpoint.method) \(api.prefix)\(endpoint.path)`"]
            lines += table("Request field", endpoint.request)
            lines += table("Response field", endpoint.response)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let examples = [
        "```sh",
        "curl http://127.0.0.1:11435/v1/chat/completions -H 'Content-Type: application/json' \\",
        "  -d '{\"model\": \"SmolLM2-135M-Instruct.Q4_1\", \"messages\": [{\"role\": \"user\", \"content\": \"Say hello.\"}]}'",
        "",
        "curl -N http://127.0.0.1:11435/v1/chat/completions -H 'Content-Type: application/json' \\",
        "  -d '{\"model\": \"SmolLM2-135M-Instruct.Q4_1\", \"messages\": [{\"role\": \"user\", \"content\": \"Say hello.\"}], \"stream\": true}'",
        "```", "",
    ]

    private static func table(_ title: String, _ rows: [FieldRow]) -> [String] {
        guard !rows.isEmpty else { return [] }
        return ["", "| \(title) | Support | Proof |", "|---|---|---|"]
            + rows.map { "| `\($0.field)` | \(cell($0.support)) | \($0.test.map { "`\($0)`" } ?? "") |" }
    }

    private static func cell(_ support: Support) -> String { support.note.isEmpty ? support.word : "\(support.word): \(support.note)" }
}

extension Support {
    /// How the support differs from the documentation of the API; empty if it does not.
    var note: String {
        switch self {
        case .supported, .notSupported: ""
        case .partial(let how): how
        case .refused(let neutral), .ignored(let neutral):
            neutral.isEmpty ? "" : "except " + neutral.map { "`\($0.text)`" }.joined(separator: ", ")
        }
    }
}
