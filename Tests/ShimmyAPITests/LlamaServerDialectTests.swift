import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// The answers of llama-server's API: the values of a stream, the complete answer, and the fields that a client chooses.
@Suite struct LlamaServerDialectTests {
    private func dialect(_ fields: JSONObject = [:], prompts: [String] = ["a"], isTruncated: Bool = false) throws -> LlamaServerDialect {
        var request: JSONObject = ["model": "m", "prompt": .array(prompts.map(JSON.string))]
        for (name, value) in fields { request[name] = value }
        let decoded = try LlamaServerRequest(completion: .object(request))
        return LlamaServerDialect(decoded, prompts: prompts, contextLength: 64, isTruncated: isTruncated, loaded: .now)
    }

    /// Passes the events of a choice to a dialect and returns the values.
    private func answer(
        _ dialect: inout LlamaServerDialect, choice: Int = 0, _ texts: [String] = ["Hel", "lo\n"], reason: FinishReason = .stop, stop: String? = nil
    ) -> [JSON] {
        var values = dialect.push(.promptComputed(Usage(promptTokens: 5, cachedPromptTokens: 2, completionTokens: 0)), choice: choice)
        for (index, text) in texts.enumerated() {
            values += dialect.push(.generated([Token(index)]), choice: choice)
            values += dialect.push(.content(text), choice: choice)
        }
        if let stop { values += dialect.push(.stopped(by: stop), choice: choice) }
        return values + dialect.push(reason, choice: choice)
    }

    private func end(_ dialect: inout LlamaServerDialect) -> [JSON] {
        dialect.finish(Usage(promptTokens: 5, cachedPromptTokens: 2, completionTokens: 2), time: 0)
    }

    private static let members: Set<String> = [
        "index", "content", "tokens", "id_slot", "stop", "model", "tokens_predicted", "tokens_evaluated", "generation_settings", "prompt",
        "has_new_line", "truncated", "stop_type", "stopping_word", "tokens_cached", "timings",
    ]
    private static let times: Set<String> = [
        "cache_n", "prompt_n", "prompt_ms", "prompt_per_token_ms", "prompt_per_second", "predicted_n", "predicted_ms", "predicted_per_token_ms",
        "predicted_per_second",
    ]

    @Test func aWholeAnswerHasTheDocumentedMembers() throws {
        var dialect = try dialect()
        #expect(answer(&dialect) == [] && end(&dialect) == [])
        let whole = try #require(dialect.whole?.objectValue)
        #expect(Set(whole.keys) == Self.members && Set(whole["timings"]?.objectValue?.keys ?? []) == Self.times)
        #expect(whole["content"] == "Hello\n" && whole["tokens"] == [] && whole["stop"] == true && whole["has_new_line"] == true)
        #expect(whole["tokens_predicted"] == 2 && whole["tokens_evaluated"] == 5 && whole["tokens_cached"] == 2 && whole["prompt"] == "a")
        #expect(whole["timings"]?["prompt_n"] == 3 && whole["timings"]?["cache_n"] == 2 && whole["timings"]?["predicted_n"] == 2)
        let settings = try #require(whole["generation_settings"])
        #expect(settings["n_ctx"] == 64 && settings["n_predict"] == -1 && settings["seed"] == 4_294_967_295 && settings["model"] == "m")
    }

    @Test(arguments: [(FinishReason.stop, nil, "eos"), (.length, nil, "limit"), (.stop, "!", "word")] as [(FinishReason, String?, String)])
    func theTypeOfTheEnd(reason: FinishReason, stop: String?, type: String) throws {
        var dialect = try dialect()
        _ = answer(&dialect, reason: reason, stop: stop)
        _ = end(&dialect)
        #expect(dialect.whole?["stop_type"] == .string(type) && dialect.whole?["stopping_word"] == .string(stop ?? ""))
    }

    @Test func aStreamHasATokenForItsText() throws {
        var dialect = try dialect(["stream": true, "timings_per_token": true])
        let values = answer(&dialect)
        #expect(end(&dialect) == [] && dialect.whole == nil)
        #expect(values.map { $0["content"] } == ["Hel", "lo\n", ""] && values.map { $0["stop"] } == [false, false, true])
        #expect(values.map { $0["tokens"] } == [[0], [1], []] && values.map { $0["tokens_predicted"] } == [1, 2, 2])
        #expect(values.allSatisfy { $0["timings"] != nil && $0["tokens_evaluated"] == 5 && $0["index"] == 0 })
        #expect(Set(values.last?.objectValue?.keys ?? []) == Self.members)
    }

    @Test func severalAnswersAreAnArray() throws {
        var dialect = try dialect(["n_cmpl": 2, "return_tokens": true], prompts: ["a", "b"])
        for choice in 0..<4 { _ = answer(&dialect, choice: choice, ["\(choice)"]) }
        _ = end(&dialect)
        let whole = dialect.whole?.arrayValue ?? []
        #expect(whole.map { $0["index"] } == [0, 1, 2, 3] && whole.map { $0["content"] } == ["0", "1", "2", "3"])
        #expect(whole.map { $0["prompt"] } == ["a", "a", "b", "b"] && whole.map { $0["tokens"] } == [[0], [0], [0], [0]])
    }

    @Test func fieldsAreChosen() throws {
        let fields: JSON = ["content", "timings/prompt_n", "generation_settings/n_predict", "unheard_of", "content/x", "truncated"]
        var dialect = try dialect(["response_fields": fields], isTruncated: true)
        _ = answer(&dialect)
        _ = end(&dialect)
        #expect(dialect.whole == ["content": "Hello\n", "timings/prompt_n": 3, "generation_settings/n_predict": -1, "truncated": true])
    }

    @Test func probabilitiesHaveTheIdsOfTokens() throws {
        let drawn = TokenProbability.Entry(bytes: [97], logprob: -1, token: 7)
        let probability = TokenProbability(drawn: drawn, top: [drawn])
        var dialect = try dialect(["n_probs": 1])
        _ = dialect.push(.content("a", [probability]), choice: 0)
        _ = dialect.push(.stop, choice: 0)
        _ = end(&dialect)
        let entry: JSON = ["id": 7, "token": "a", "logprob": -1, "bytes": [97]]
        var whole = try #require(entry.objectValue)
        whole["top_logprobs"] = [entry]
        #expect(dialect.whole?["completion_probabilities"] == [.object(whole)])
    }

    @Test func aFailureIsAnError() throws {
        var dialect = try dialect(["stream": true])
        #expect(dialect.fail(.internal("why"))[0]["error"]?["code"] == 500)
        #expect(dialect.whole == nil)
    }

    @Test(
        arguments: [
            (400, nil, "invalid_request_error"), (400, "context_length_exceeded", "exceed_context_size_error"),
            (400, "unsupported_parameter", "not_supported_error"), (401, nil, "authentication_error"), (403, nil, "permission_error"),
            (404, nil, "not_found_error"), (500, nil, "server_error"), (503, nil, "unavailable_error"), (507, nil, "server_error"),
        ] as [(Int, String?, String)])
    func errorsHaveLlamaServersTypes(status: Int, code: String?, type: String) {
        let error = APIError(status: status, message: "why", code: code)
        let form = API.llamaServer.errors
        #expect(form.status(of: error) == status)
        #expect(form.body(of: error, requestID: "") == ["error": ["code": .int(status), "message": "why", "type": .string(type)]])
    }
}
