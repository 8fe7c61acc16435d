import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// The exact bytes of answers, chunks, events and errors.
@Suite struct EncoderTests {
    private let encoder = ChatCompletionEncoder(id: "chatcmpl-1", created: 5, model: "m", fingerprint: "fp_1")
    private let withUsage = ChatCompletionEncoder(id: "chatcmpl-1", created: 5, model: "m", fingerprint: "fp_1", includeUsage: true)
    private let usage = Usage(promptTokens: 7, cachedPromptTokens: 3, completionTokens: 2)
    private let envelope = #""created":5,"model":"m","service_tier":"default","system_fingerprint":"fp_1","#
    private let usageText =
        #"{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":3,"audio_tokens":0},"#
        + #""completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#

    @Test func aWholeAnswer() {
        #expect(
            encoder.whole(choices: [("a\"é", .length)], usage: usage).text
                == #"{"id":"chatcmpl-1","object":"chat.completion",\#(envelope)"choices":[{"index":0,"message":{"role":"assistant","#
                + #""content":"a\"é","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"length"}],"usage":\#(usageText)}"#)
    }

    private func chunk(_ delta: String, _ reason: String, _ extra: String = "") -> String {
        #"{"id":"chatcmpl-1","object":"chat.completion.chunk",\#(envelope)"choices":[{"index":0,"delta":\#(delta),"logprobs":null,"#
            + #""finish_reason":\#(reason)}]\#(extra)}"#
    }

    @Test func chunks() {
        #expect(encoder.firstChunk().text == chunk(#"{"role":"assistant","content":"","refusal":null}"#, "null"))
        #expect(encoder.textChunk("a\nb").text == chunk(#"{"content":"a\nb"}"#, "null"))
        #expect(encoder.lastChunk(.stop).text == chunk("{}", #""stop""#))
        #expect(encoder.usageChunk(usage) == nil)
    }

    @Test func choicesHaveTheirIndices() {
        let answer = encoder.whole(choices: [("a", .stop), ("b", .length)], usage: usage)
        let choices = answer.objectValue?["choices"]?.arrayValue ?? []
        #expect(choices.map { $0.objectValue?["index"] } == [0, 1])
        #expect(encoder.textChunk("x", choice: 3).objectValue?["choices"]?.arrayValue?.first?.objectValue?["index"] == 3)
    }

    @Test func chunksOfAStreamThatTellsItsUsage() {
        #expect(withUsage.textChunk("a").text == chunk(#"{"content":"a"}"#, "null", #","usage":null"#))
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
        #expect(APIError(GenerationError.templateRefused("no system")).message.hasSuffix("no system"))
    }

    @Test func idsAreLongAndDifferent() {
        let ids = Set((0..<1000).map { _ in ChatCompletionEncoder.newID() })
        #expect(ids.count == 1000 && ids.allSatisfy { $0.count == "chatcmpl-".count + 22 })
    }

    @Test func modelsHaveTheDocumentedShape() {
        let model = ModelDescription(
            id: "u/r:Q8_0", created: 9, source: "ollama", architecture: nil, parameters: nil, quantization: "Q8_0", contextLength: 5,
            capabilities: ["chat"], sizeBytes: 3, loaded: true, problem: nil)
        #expect(
            ModelDescription.list([model]).text
                == #"{"object":"list","data":[{"id":"u/r:Q8_0","object":"model","created":9,"owned_by":"ollama","shimmy":{"context_length":5,"#
                + #""capabilities":["chat"],"quantization":"Q8_0","size_bytes":3,"loaded":true,"source":"ollama","architecture":null,"#
                + #""parameters":null,"problem":null}}]}"#)
    }
}
