import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// The exact bytes of encoded answers, chunks, events and errors.
@Suite struct EncoderTests {
    private let encoder = ChatCompletionEncoder(id: "chatcmpl-1", created: 5, model: "m", fingerprint: "fp_1")
    private let withUsage = ChatCompletionEncoder(id: "chatcmpl-1", created: 5, model: "m", fingerprint: "fp_1", includeUsage: true)
    private let usage = Usage(promptTokens: 7, cachedPromptTokens: 3, completionTokens: 2)
    private let envelope = #""created":5,"model":"m","service_tier":"default","system_fingerprint":"fp_1","#
    private let usageText =
        #"{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":3,"audio_tokens":0},"#
        + #""completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#

    private func message(_ deltas: [MessageDelta]) -> AnswerMessage {
        var message = AnswerMessage()
        for delta in deltas { message.append(delta) }
        return message
    }

    @Test func aWholeAnswer() {
        #expect(
            encoder.whole(choices: [(message([.content("a\"é")]), .length)], usage: usage).text
                == #"{"id":"chatcmpl-1","object":"chat.completion",\#(envelope)"choices":[{"index":0,"message":{"role":"assistant","#
                + #""content":"a\"é","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"length"}],"usage":\#(usageText)}"#)
    }

    private func chunk(_ delta: String, _ reason: String, _ extra: String = "") -> String {
        #"{"id":"chatcmpl-1","object":"chat.completion.chunk",\#(envelope)"choices":[{"index":0,"delta":\#(delta),"logprobs":null,"#
            + #""finish_reason":\#(reason)}]\#(extra)}"#
    }

    @Test func chunks() {
        #expect(encoder.firstChunk().text == chunk(#"{"role":"assistant","content":"","refusal":null}"#, "null"))
        #expect(encoder.chunk(.content("a\nb")).text == chunk(#"{"content":"a\nb"}"#, "null"))
        #expect(encoder.lastChunk(.stop).text == chunk("{}", #""stop""#))
        #expect(encoder.usageChunk(usage) == nil)
    }

    private let callDeltas: [MessageDelta] = [
        .reasoning("hm"), .call(index: 0, id: "call_1", CalledTool("f")), .arguments(index: 0, "{\"a\"", isCustom: false),
        .arguments(index: 0, ":1}", isCustom: false), .call(index: 1, id: "call_2", CalledTool("g", kind: .custom)),
        .arguments(index: 1, "text", isCustom: true),
    ]

    @Test func chunksOfCalls() {
        let deltas = [
            #"{"reasoning_content":"hm"}"#,
            #"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}"#,
            #"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}"#,
            #"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}"#,
            #"{"tool_calls":[{"index":1,"id":"call_2","type":"custom","custom":{"name":"g","input":""}}]}"#,
            #"{"tool_calls":[{"index":1,"custom":{"input":"text"}}]}"#,
        ]
        for (delta, expected) in zip(callDeltas, deltas) { #expect(encoder.chunk(delta).text == chunk(expected, "null")) }
        #expect(encoder.lastChunk(.toolCalls).text == chunk("{}", #""tool_calls""#))
    }

    @Test func aMessageWithCallsHasNoContent() {
        let answer = encoder.whole(choices: [(message(callDeltas), .toolCalls)], usage: usage)
        #expect(
            answer["choices"]?[0]?.text == #"{"index":0,"message":{"role":"assistant","content":null,"refusal":null,"annotations":[],"#
                + #""reasoning_content":"hm","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},"#
                + #"{"id":"call_2","type":"custom","custom":{"name":"g","input":"text"}}]},"logprobs":null,"finish_reason":"tool_calls"}"#)
    }

    @Test func deprecatedFunctionsAndOtherNamesOfReasoning() {
        var dialect = CallDialect()
        dialect.usesFunctions = true
        dialect.reasoningField = .both
        let encoder = ChatCompletionEncoder(id: "chatcmpl-1", created: 5, model: "m", fingerprint: "fp_1", dialect: dialect)
        let deltas = callDeltas.prefix(4)
        let answer = encoder.whole(choices: [(message(Array(deltas)), .toolCalls)], usage: usage)
        #expect(answer["choices"]?[0]?["message"]?["function_call"]?.text == #"{"name":"f","arguments":"{\"a\":1}"}"#)
        #expect(answer["choices"]?[0]?["finish_reason"] == "function_call")
        #expect(answer["choices"]?[0]?["message"]?["tool_calls"] == nil)
        let texts = deltas.map { encoder.chunk($0)["choices"]?[0]?["delta"]?.text }
        #expect(
            texts == [
                #"{"reasoning_content":"hm","reasoning":"hm"}"#, #"{"function_call":{"name":"f","arguments":""}}"#,
                #"{"function_call":{"arguments":"{\"a\""}}"#, #"{"function_call":{"arguments":":1}"}}"#,
            ])
    }

    /// The decoded input of a custom tool does not depend on how its JSON is split.
    @Test(arguments: ["", "plain", "quote \" and \\ and \n", "é 日本 😀 \u{1}", "{\"input\": \"x\"}"]) func customInputs(text: String) {
        for literal in [JSON.string(text).text, Self.escaped(text)] {
            let bytes = Array("{\"input\": \(literal)}".unicodeScalars.map { String($0) })
            for size in 1...5 {
                var dialect = CallDialect()
                dialect.tools = ["g": CalledTool("g", kind: .custom)]
                var mapper = MessageDialect(dialect)
                var message = AnswerMessage()
                if let delta = mapper.map(.call(index: 0, id: "call_1", name: "g")) { message.append(delta) }
                for start in stride(from: 0, to: bytes.count, by: size) {
                    let part = bytes[start..<min(start + size, bytes.count)].joined()
                    if let delta = mapper.map(.arguments(index: 0, part)) { message.append(delta) }
                }
                let answer = encoder.whole(choices: [(message, .toolCalls)], usage: usage)
                #expect(answer["choices"]?[0]?["message"]?["tool_calls"]?[0]?["custom"]?["input"] == .string(text))
            }
        }
    }

    /// Returns all characters as JSON escapes; characters outside the Basic Multilingual Plane become surrogate pairs.
    private static func escaped(_ text: String) -> String {
        "\"" + text.utf16.map { "\\u" + String(repeating: "0", count: 4 - String($0, radix: 16).count) + String($0, radix: 16) }.joined() + "\""
    }

    @Test func choicesHaveTheirIndices() {
        let answer = encoder.whole(choices: [(message([.content("a")]), .stop), (message([.content("b")]), .length)], usage: usage)
        let choices = answer.objectValue?["choices"]?.arrayValue ?? []
        #expect(choices.map { $0.objectValue?["index"] } == [0, 1])
        #expect(encoder.chunk(.content("x"), choice: 3).objectValue?["choices"]?.arrayValue?.first?.objectValue?["index"] == 3)
    }

    @Test func chunksOfAStreamThatTellsItsUsage() {
        #expect(withUsage.chunk(.content("a")).text == chunk(#"{"content":"a"}"#, "null", #","usage":null"#))
        #expect(
            withUsage.usageChunk(usage)?.text
                == #"{"id":"chatcmpl-1","object":"chat.completion.chunk",\#(envelope)"choices":[],"usage":\#(usageText)}"#)
    }

    @Test func eventsAreOneLineOfData() {
        let bytes = ServerSentEvents.data(["text": "line\r\nline\u{2028}\u{85}"])
        #expect(String(decoding: bytes, as: UTF8.self) == "data: {\"text\":\"line\\r\\nline\u{2028}\u{85}\"}\n\n")
        #expect(String(decoding: ServerSentEvents.done, as: UTF8.self) == "data: [DONE]\n\n")
        #expect(ServerSentEvents.ping.first == UInt8(ascii: ":"))
    }

    @Test func errorsHaveFourKeys() {
        #expect(
            APIError.missing(.key("messages").index(2).key("role")).json.text
                == #"{"error":{"message":"Missing required parameter: 'messages[2].role'.","type":"invalid_request_error","#
                + #""param":"messages[2].role","code":"missing_required_parameter"}}"#)
        #expect(APIError.notHTTP.json.objectValue?["error"]?.objectValue?["param"] == .null)
    }

    @Test func aBackendsRefusalsAreOpenAIs() {
        let error = APIError(GenerationError.contextExceeded(prompt: 100, requested: 50, context: 128))
        #expect(error.status == 400 && error.code == "context_length_exceeded" && error.param == "messages")
        #expect(
            error.message == "This model's maximum context length is 128 tokens. However, you requested 150 tokens (100 in the messages, "
                + "50 in the completion). Please reduce the length of the messages or completion.")
        let long = APIError(GenerationError.contextExceeded(prompt: 900, requested: nil, context: 128, isFewest: true))
        #expect(long.message.contains("your messages resulted in at least 900 tokens"))
        #expect(APIError(GenerationError.templateRefused("no system")).message.hasSuffix("no system"))
        let many = APIError(GenerationError.tooManyAnswers(prompts: 2, choices: 2, most: 3), input: "prompt")
        #expect(many.status == 400 && many.param == "prompt" && many.message.contains("at most 3 answers") && many.retryAfter == nil)
        #expect(APIError(GenerationError.tooManyAnswers(prompts: 2, choices: 4, most: 3), input: "prompt").param == "n")
        #expect(APIError(GenerationError.tooManyAnswers(prompts: 1, choices: 4, most: 3), choices: "best_of").param == "best_of")
    }

    @Test func idsAreLongAndDifferent() {
        let ids = Set((0..<1000).map { _ in ChatCompletionEncoder.newID() })
        #expect(ids.count == 1000 && ids.allSatisfy { $0.count == "chatcmpl-".count + 22 })
    }

    @Test func modelsHaveTheDocumentedShape() {
        let model = ModelDescription(
            id: "u/r:Q8_0", created: 9, source: "ollama", architecture: nil, parameters: nil, quantization: "Q8_0", contextLength: 5,
            capabilities: ["chat"], sizeBytes: 3, loaded: true, problem: nil, aliases: ["tiny"], memoryBytes: 7)
        #expect(
            ModelDescription.list([model]).text
                == #"{"object":"list","data":[{"id":"u/r:Q8_0","object":"model","created":9,"owned_by":"ollama","shimmy":{"context_length":5,"#
                + #""capabilities":["chat"],"quantization":"Q8_0","size_bytes":3,"memory_bytes":7,"loaded":true,"source":"ollama","architecture":null,"#
                + #""parameters":null,"problem":null,"aliases":["tiny"],"base":null,"sampling":{}}}]}"#)
    }
}
