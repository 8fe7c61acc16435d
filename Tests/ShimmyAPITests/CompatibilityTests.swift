import Foundation
import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import Testing

/// Comparison of the matrix with OpenAI's specification, the decoder, the tests that it names and the document generated from it.
@Suite struct CompatibilityTests {
    private static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The properties of `CreateChatCompletionRequest` in OpenAI's specification.
    private static let chatCompletionFields: Set<String> = [
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "messages",
        "metadata", "modalities", "model", "moderation", "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
        "prompt_cache_options", "prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier",
        "stop", "store", "stream", "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
        "web_search_options",
    ]

    @Test func everyFieldOfTheSpecificationHasARow() {
        let rows = Set(Compatibility.chatCompletions.request.map(\.field))
        #expect(Self.chatCompletionFields.subtracting(rows).isEmpty)
        #expect(Self.responseFields.subtracting(Compatibility.createResponse.request.map(\.field)).isEmpty)
    }

    /// The properties of `CreateResponse`.
    private static let responseFields: Set<String> = [
        "background", "context_management", "conversation", "include", "input", "instructions", "max_output_tokens", "max_tool_calls", "metadata",
        "model", "moderation", "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature", "text",
        "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
    ]

    @Test func noEndpointOrFieldHasTwoRows() {
        for api in API.allCases {
            #expect(Set(api.endpoints.map { "\($0.method) \($0.path)" }).count == api.endpoints.count)
            for endpoint in api.endpoints {
                for rows in [endpoint.request, endpoint.response] { #expect(Set(rows.map(\.field)).count == rows.count) }
            }
        }
    }

    /// The decoder reads exactly the fields that the matrix lists as supported or partial.
    @Test func theDecoderReadsTheRowsThatAreSupported() throws {
        let recorder = FieldRecorder()
        for request in Self.everyField { _ = try? ChatCompletionRequest(JSON.parse(Array(request.utf8)), media: .all, recorder: recorder) }
        let promised = Compatibility.chatCompletions.request.filter {
            switch $0.support {
            case .supported, .partial: true
            case .refused, .ignored, .notSupported: false
            }
        }
        #expect(recorder.fields == Set(promised.map(\.field)))
    }

    @Test func theDecoderOfCompletionsReadsTheRowsThatAreSupported() throws {
        let recorder = FieldRecorder()
        _ = try CompletionRequest(["model": "m", "prompt": "a", "stream": true, "stream_options": [:], "lora": [["name": "a"]]], recorder: recorder)
        let promised = Compatibility.completions.request.filter {
            switch $0.support {
            case .supported, .partial: true
            case .refused, .ignored, .notSupported: false
            }
        }
        #expect(recorder.fields == Set(promised.map(\.field)))
    }

    @Test func theDecoderOfRerankingReadsTheRowsThatAreSupported() throws {
        let recorder = FieldRecorder()
        _ = try RerankingRequest(["model": "m", "query": "a", "documents": ["b"]], recorder: recorder)
        let promised = Compatibility.rerank.request.filter {
            switch $0.support {
            case .supported, .partial: true
            case .refused, .ignored, .notSupported: false
            }
        }
        #expect(recorder.fields == Set(promised.map(\.field)))
    }

    @Test func theDecoderOfResponsesReadsTheRowsThatAreSupported() throws {
        let recorder = FieldRecorder()
        for request in Self.everyFieldOfResponses { _ = try ResponseRequest(JSON.parse(Array(request.utf8)), media: .all, recorder: recorder) }
        let promised = Compatibility.createResponse.request.filter {
            switch $0.support {
            case .supported, .partial: true
            case .refused, .ignored, .notSupported: false
            }
        }
        #expect(recorder.fields == Set(promised.map(\.field)))
    }

    @Test(arguments: ["/messages", "/messages/count_tokens"]) func theTranslationOfMessagesReadsTheRowsThatAreSupported(path: String) throws {
        let recorder = FieldRecorder()
        for request in Self.everyFieldOfMessages {
            let json = try JSON.parse(Array(request.utf8))
            let translate = path == "/messages" ? MessageTranslation.answer : MessageTranslation.count
            _ = try translate(json, .all, recorder)
        }
        let endpoint = try #require(API.anthropic.endpoints.first { $0.method == "POST" && $0.path == path })
        let promised = endpoint.request.filter {
            switch $0.support {
            case .supported, .partial: true
            case .refused, .ignored, .notSupported: false
            }
        }
        #expect(recorder.fields == Set(promised.map(\.field)))
    }

    private static let everyFieldOfMessages = [
        #"""
        {"model": "m", "max_tokens": 5, "system": [{"type": "text", "text": "s"}],
         "thinking": {"type": "enabled", "display": "omitted"}, "output_format": {"type": "json_schema", "schema": {}},
         "tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "tool", "name": "f"},
         "messages": [{"role": "user", "content": [{"type": "text", "text": "a"},
           {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
           {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
           {"type": "document", "source": {"type": "text", "data": "d"}},
           {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "d"}]}},
           {"type": "search_result", "title": "t", "source": "s", "content": [{"type": "text", "text": "a"}]}]},
          {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "redacted_thinking", "data": "d"},
           {"type": "tool_use", "id": "i", "name": "f", "input": {}}]},
          {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "i", "content": [{"type": "text", "text": "a"},
           {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
           {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
           {"type": "document", "source": {"type": "text", "data": "d"}},
           {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "d"}]}},
           {"type": "search_result", "title": "t", "source": "s", "content": [{"type": "text", "text": "a"}]}]}]}]}
        """#,
        #"""
        {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "a"}], "metadata": {"user_id": "u"},
         "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}}}
        """#,
    ]

    private static let everyFieldOfResponses = [
        #"""
        {"model": "m", "conversation": {"id": "c"}, "stream": true, "stream_options": {}, "lora": [{"name": "a"}], "text": {"verbosity": "low", "format": {"type": "json_schema",
         "name": "n", "schema": {}}}, "reasoning": {"effort": "low", "summary": "auto"}, "service_tier": "auto", "truncation": "auto",
         "chat_template_kwargs": {}, "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "g",
         "format": {"type": "grammar", "syntax": "regex", "definition": "a"}}, {"type": "shell", "environment": {"type": "local"}},
         {"type": "tool_search", "execution": "client", "parameters": {}}, {"type": "namespace", "name": "s", "description": "d",
         "tools": [{"type": "function", "name": "f"}]}],
         "input": [{"type": "local_shell_call", "call_id": "c", "action": {}}, {"type": "apply_patch_call", "call_id": "c", "operation": {}},
         {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://a/b.png"},
         {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}], "status": "completed"}, {"role": "assistant",
         "content": [{"type": "refusal", "refusal": "a"}]}, {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""},
         {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "a"},
          {"type": "input_image", "image_url": "https://a/b.png"}]},
         {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": ""}, {"type": "reasoning", "encrypted_content": null,
         "summary": [{"type": "summary_text", "text": "a"}], "content": [{"type": "reasoning_text", "text": "a"}]}]}
        """#
    ]

    /// Requests that together exercise all branches of the decoder.
    private static let everyField = [
        #"""
        {"model": "m", "stream": true, "stream_options": {}, "structured_outputs": {"json": {}}, "lora": [{"name": "a"}],
         "reasoning": {"effort": "low"}, "thinking": {"type": "enabled", "budget_tokens": 5},
         "messages": [{"role": "user", "content": [{"type": "text", "text": "a"},
         {"type": "image_url", "image_url": {"url": "https://a/b.png"}}, {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]},
         {"role": "assistant", "content": [{"type": "refusal", "refusal": "a"}, {"type": "thinking", "thinking": [{"type": "text", "text": "a"}]},
          {"type": "reasoning", "reasoning": "a"}]}, {"role": "assistant", "tool_calls": []}]}
        """#,
        #"{"model": "m", "messages": [{"role": "assistant"}], "prediction": {"type": "content", "content": [{"type": "text", "text": ""}]}}"#,
        #"""
        {"model": "m", "messages": [{"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
         {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}, {"custom": {"name": "f", "input": ""}}]}],
         "functions": [{"name": "f", "description": "d", "parameters": {}, "strict": true}], "function_call": "auto"}
        """#,
        #"""
        {"model": "m", "messages": [{"role": "user", "content": "a"}], "chat_template_kwargs": {"enable_thinking": true},
         "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {}, "strict": true}}, {"type": "custom",
          "custom": {"name": "g", "description": "d", "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a"}}}}],
         "response_format": {"type": "json_schema", "json_schema": {"name": "n", "description": "d", "strict": true, "schema": {}}}}
        """#,
        #"{"model": "m", "messages": [{"role": "assistant"}], "prediction": {"type": "content", "content": [{"type": "refusal", "refusal": ""}]}}"#,
    ]

    @Test func everyTestThatARowNamesExists() throws {
        let sources = try Self.testSources()
        for endpoint in API.allCases.flatMap(\.endpoints) {
            for (name, support, test) in [(endpoint.path, endpoint.support, endpoint.test)]
                + (endpoint.request + endpoint.response).map({ ($0.field, $0.support, $0.test) })
            {
                switch support {
                case .supported, .partial:
                    let test = try #require(test, "\(name) names no test")
                    #expect(sources.contains { $0.contains("def \(test)(") || $0.contains("func \(test)(") }, "no test is called \(test)")
                case .refused, .ignored, .notSupported: continue
                }
            }
        }
    }

    private static func testSources() throws -> [String] {
        let tests = repository.appending(path: "Tests")
        let files = try FileManager.default.subpathsOfDirectory(atPath: tests.path()).filter { $0.hasSuffix(".swift") || $0.hasSuffix(".py") }
        return try files.map { try String(contentsOf: tests.appending(path: $0), encoding: .utf8) }
    }

    @Test(arguments: API.allCases) func theDocumentIsWhatTheProgramPrints(api: API) throws {
        let path = "docs/\(api.document)"
        let document = try String(contentsOf: Self.repository.appending(path: path), encoding: .utf8)
        #expect(document == Compatibility.markdown(api), "run 'make compat-docs'")
    }

    @Test(arguments: API.allCases) func theJSONHasEveryEndpointAndField(api: API) {
        let endpoints = Compatibility.json(api).objectValue?["endpoints"]?.arrayValue ?? []
        #expect(endpoints.count == api.endpoints.count)
        let fields = endpoints.flatMap { $0.objectValue?["request"]?.arrayValue ?? [] }
        #expect(fields.count == api.endpoints.reduce(0) { $0 + $1.request.count })
    }
}
