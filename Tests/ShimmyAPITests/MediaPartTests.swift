import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Testing

/// Images and recordings in the messages of all APIs, for a model that reads them.
@Suite struct MediaPartTests {
    private static let png = "data:image/png;base64,iVBORw0KGgo="
    private static let image = MediaPart(.image(url: png, detail: nil))

    private static let preset: RequestPreset = {
        var preset = RequestPreset.none
        preset.media = .all
        return preset
    }()

    private static func parts(_ contents: JSON, media: MediaKinds = .all) throws -> [ContentPart]? {
        let request: JSON = ["model": "m", "messages": [["role": "user", "content": contents]]]
        return try ChatCompletionRequest(request, media: media).chat.conversation.messages.last?.content
    }

    private static func problem(_ decode: () throws -> Void) throws -> String {
        let error = try #require(throws: APIError.self) { try decode() }
        return "\(error.status) \(error.param ?? "-") \(error.code ?? "-")"
    }

    // MARK: Chat completions

    @Test func chatsHaveImagesAndAudio() throws {
        let contents: JSON = [
            ["type": "text", "text": "Look:"], ["type": "image_url", "image_url": ["url": .string(Self.png), "detail": "low"]],
            ["type": "image_url", "image_url": "https://host/a.png"],
            ["type": "input_audio", "input_audio": ["data": "AAAA", "format": "wav"]],
        ]
        let parts = try Self.parts(contents)
        let expected: [ContentPart] = [
            "Look:", .media(MediaPart(.image(url: Self.png, detail: "low"))), .media(MediaPart(.image(url: "https://host/a.png", detail: nil))),
            .media(MediaPart(.audio(data: "AAAA", format: "wav"))),
        ]
        #expect(parts == expected)
    }

    @Test(arguments: [
        ("data:image/png;base64,", "url", "invalid_value"), ("data:image/png;base64,AAA", "url", "invalid_value"),
        ("data:image/png;base64,A-AA", "url", "invalid_value"), ("data:image/png;base64,A=AA", "url", "invalid_value"),
        ("data:image/png,AAAA", "url", "invalid_value"), ("data:text/html;base64,AAAA", "url", "invalid_value"),
        ("data:image/;base64,AAAA", "url", "invalid_value"), ("data:", "url", "invalid_value"), ("file:///etc/passwd", "url", "invalid_value"),
        ("http://", "url", "invalid_value"), ("https://a b", "url", "invalid_value"), ("", "url", "invalid_value"),
    ]) func addressesAreChecked(url: String, field: String, code: String) throws {
        let found = try Self.problem { _ = try Self.parts([["type": "image_url", "image_url": ["url": .string(url)]]]) }
        #expect(found == "400 messages[0].content[0].image_url.\(field) \(code)")
    }

    @Test func mistakesNameTheirField() throws {
        let path = "messages[0].content[0]"
        let image = { (object: JSON) in try Self.problem { _ = try Self.parts([["type": "image_url", "image_url": object]]) } }
        #expect(try image([:]) == "400 \(path).image_url.url missing_required_parameter")
        #expect(try image(["url": "https://a", "detail": "best"]) == "400 \(path).image_url.detail invalid_value")
        let audio = { (object: JSON) in try Self.problem { _ = try Self.parts([["type": "input_audio", "input_audio": object]]) } }
        #expect(try audio(["data": "?", "format": "wav"]) == "400 \(path).input_audio.data invalid_value")
        #expect(try audio(["data": "AAAA", "format": "a/b"]) == "400 \(path).input_audio.format invalid_value")
        #expect(try audio(["data": "AAAA"]) == "400 \(path).input_audio.format missing_required_parameter")
    }

    @Test func aModelGetsOnlyTheMediaThatItReads() throws {
        let image: JSON = [["type": "image_url", "image_url": ["url": .string(Self.png)]]]
        let audio: JSON = [["type": "input_audio", "input_audio": ["data": "AAAA", "format": "wav"]]]
        #expect(try Self.parts(image, media: .image) == [.media(Self.image)])
        let refused = "400 messages[0].content[0].type unsupported_value"
        #expect(try Self.problem { _ = try Self.parts(audio, media: .image) } == refused)
        #expect(try Self.problem { _ = try Self.parts(image, media: .audio) } == refused)
        let answer: JSON = ["model": "m", "messages": [["role": "assistant", "content": image]]]
        #expect(try Self.problem { _ = try ChatCompletionRequest(answer, media: .all) } == refused)
    }

    @Test func sizesAndCountsHaveLimits() throws {
        let limits = InputLimits.standard
        let part: JSON = ["type": "image_url", "image_url": "https://a"]
        let most = Array(repeating: part, count: limits.mediaParts)
        #expect(try Self.parts(.array(most))?.count == limits.mediaParts)
        #expect(try Self.problem { _ = try Self.parts(.array(most + [part])) } == "400 messages limit_exceeded")
        let long = "https://" + String(repeating: "a", count: limits.mediaAddressBytes)
        let path = "400 messages[0].content[0].image_url string_above_max_length"
        #expect(try Self.problem { _ = try Self.parts([["type": "image_url", "image_url": .string(long)]]) } == path)
        let data = "data:image/png;base64," + String(repeating: "A", count: limits.mediaBytes + 4)
        #expect(try Self.problem { _ = try Self.parts([["type": "image_url", "image_url": .string(data)]]) } == path)
    }

    // MARK: Other APIs

    @Test func itemsKeepTheirMedia() throws {
        let parts: JSON = [
            ["type": "input_text", "text": "Look:"], ["type": "input_image", "image_url": .string(Self.png), "detail": "high"],
            ["type": "input_audio", "input_audio": ["data": "AAAA", "format": "mp3"]],
        ]
        let request: JSON = ["model": "m", "input": [["role": "user", "content": parts]]]
        let input = try #require(try ResponseRequest(request, media: .all).input)
        guard case .item(let item) = input.first else { throw APIError.internal("There is no item.") }
        let expected: [ContentPart] = [
            "Look:", .media(MediaPart(.image(url: Self.png, detail: "high"))), .media(MediaPart(.audio(data: "AAAA", format: "mp3"))),
        ]
        #expect(item.meaning == .message(.user, expected) && item.json["content"] == parts && item.mediaKinds == .all)
        #expect(try ResponseItem(stored: item.json) == item)
        #expect(try ItemConversation.messages([item]).first?.content == expected)
        #expect(try Self.problem { _ = try ResponseRequest(request, media: .image) } == "400 input[0].content[2].type unsupported_value")
    }

    @Test func filesOfTheResponsesAPIAreRefused() throws {
        let request: JSON = ["model": "m", "input": [["role": "user", "content": [["type": "input_image", "file_id": "f"]]]]]
        #expect(try Self.problem { _ = try ResponseRequest(request, media: .all) } == "400 input[0].content[0].file_id unsupported_parameter")
    }

    private static func message(_ blocks: JSON) throws -> [ChatMessage] {
        let body: JSON = ["model": "m", "max_tokens": 9, "messages": [["role": "user", "content": blocks]]]
        let translation = try MessageTranslation.answer(body, media: .all)
        return try MessageRequest(translation.completion, translation).chat.conversation.messages
    }

    @Test func blocksWithImagesBecomeParts() throws {
        let data: JSON = ["type": "image", "source": ["type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="]]
        let address: JSON = ["type": "image", "source": ["type": "url", "url": "https://host/a.png"]]
        let content = try Self.message([data, ["type": "text", "text": "One."], address, ["type": "text", "text": "Two."]]).first?.content
        #expect(content == [.media(Self.image), "One.", .media(MediaPart(.image(url: "https://host/a.png", detail: nil))), "Two."])
    }

    @Test(arguments: [
        (#"{"type": "base64", "media_type": "image/png", "data": "?"}"#, "source.data"), (#"{"type": "url", "url": "ftp://a"}"#, "source.url"),
        (#"{"type": "base64", "media_type": "text/html", "data": "AAAA"}"#, "source.media_type"),
        (#"{"type": "file", "file_id": "f"}"#, "source.type"),
        (#"{"type": "base64", "data": "AAAA"}"#, "source.media_type"), (#"{"type": "url"}"#, "source.url"),
    ]) func mistakesInBlocksNameTheirField(source: String, field: String) throws {
        let block: JSON = ["type": "image", "source": try JSON.parse(source)]
        let error = try #require(throws: APIError.self) { try Self.message([["type": "text", "text": "Look:"], block]) }
        #expect(error.status == 400 && error.param == "messages[0].content[1].\(field)")
    }

    @Test func ollamasImagesGetTheirType() throws {
        let body: JSON = ["model": "m", "messages": [["role": "user", "content": "Look:", "images": ["iVBORw0KGgo=", "/9j/"]]]]
        let request = try OllamaRequest(chat: body, preset: Self.preset)
        guard case .chat(let chat, _) = request.work else { throw APIError.internal("The request is not a chat.") }
        let jpeg = MediaPart(.image(url: "data:image/jpeg;base64,/9j/", detail: nil))
        #expect(chat.conversation.messages.first?.content == ["Look:", .media(Self.image), .media(jpeg)])
        let generated = try OllamaRequest(generate: ["model": "m", "prompt": "", "images": ["iVBORw0KGgo="]], preset: Self.preset)
        guard case .chat(let chat, _) = generated.work else { throw APIError.internal("The request is not a chat.") }
        #expect(chat.conversation.messages.first?.content == [.media(Self.image)])
    }

    @Test func mistakesInOllamasImagesNameTheirField() throws {
        func problem(_ image: JSON, raw: Bool? = nil) throws -> String {
            var body: JSONObject = ["model": "m", "prompt": "a", "images": [image]]
            body["raw"] = raw.map(JSON.bool)
            return try Self.problem { _ = try OllamaRequest(generate: .object(body), preset: Self.preset) }
        }
        #expect(try problem("AAAA") == "400 images[0] invalid_value")
        #expect(try problem("?") == "400 images[0] invalid_value")
        #expect(try problem(1) == "400 images[0] invalid_type")
        #expect(try problem("/9j/", raw: true) == "400 images invalid_value")
    }

    // MARK: Outputs of tools

    private static func chat(_ output: JSON, media: MediaKinds) throws -> ChatCompletionRequest {
        let calls: JSON = [["id": "c", "type": "function", "function": ["name": "f", "arguments": "{}"]]]
        let messages: JSON = [
            ["role": "user", "content": "a"], ["role": "assistant", "tool_calls": calls], ["role": "tool", "tool_call_id": "c", "content": output],
        ]
        return try ChatCompletionRequest(["model": "m", "messages": messages], media: media)
    }

    @Test func imagesInOutputsReachModelsThatReadThem() throws {
        let output: JSON = [
            ["type": "text", "text": "see"], ["type": "image_url", "image_url": ["url": .string(Self.png)]],
            ["type": "image_url", "image_url": ["url": "file:///etc/passwd"]],
            ["type": "input_audio", "input_audio": ["data": "AAAA", "format": "wav"]],
        ]
        let (image, audio): (ContentPart, ContentPart) = (
            "[image omitted: this model reads only text]", "[audio omitted: this model reads only text]"
        )
        let seen = try Self.chat(output, media: .all)
        #expect(seen.chat.conversation.messages[2].content == ["see", .media(Self.image), image, audio])
        #expect(seen.ignoredParameters.names == ["messages[2].content[2]", "messages[2].content[3]"])
        let unseen = try Self.chat(output, media: .audio)
        #expect(unseen.chat.conversation.messages[2].content == ["see", image, image, audio])
    }

    @Test func itemsOfOutputsKeepTheirImages() throws {
        let output: JSON = [["type": "input_image", "image_url": .string(Self.png)], ["type": "input_image", "file_id": "f"]]
        let input: JSON = [
            ["type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"],
            ["type": "function_call_output", "call_id": "c", "output": output],
        ]
        let request = try ResponseRequest(["model": "m", "input": input], media: .all)
        let items = (request.input ?? []).compactMap { item -> ResponseItem? in
            guard case .item(let item) = item else { return nil }
            return item
        }
        let messages = try ItemConversation.messages(items)
        #expect(messages.last?.content == [.media(Self.image), "[image omitted: this model reads only text]"])
        #expect(request.ignoredParameters.names == ["input[1].output[1]"])
        // Another model gets a text.
        var conversation = Conversation(messages: messages)
        RequestPreset.none.complete(&conversation)
        #expect(!conversation.hasOutputMedia && conversation.normalizations == [.omittedMedia])
    }

    @Test func resultsKeepTheirImages() throws {
        let data: JSON = ["type": "image", "source": ["type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="]]
        let wrong: JSON = ["type": "image", "source": ["type": "base64", "media_type": "image/png", "data": "?"]]
        let content: JSON = [["type": "text", "text": "one"], data, wrong, ["type": "text", "text": "two"]]
        let result: JSON = ["type": "tool_result", "tool_use_id": "i", "is_error": true, "content": content]
        let messages: JSON = [
            ["role": "user", "content": "a"], ["role": "assistant", "content": [["type": "tool_use", "id": "i", "name": "f", "input": [:]]]],
            ["role": "user", "content": [result]],
        ]
        let translation = try MessageTranslation.answer(["model": "m", "max_tokens": 9, "messages": messages], media: .all)
        let request = try MessageRequest(translation.completion, translation)
        let expected: [ContentPart] = ["Error:", "one", .media(Self.image), "[image omitted: this model reads only text]", "two"]
        #expect(request.chat.conversation.messages.last?.content == expected)
        #expect(request.ignoredParameters.names == ["messages[2].content[0].content[2]"])
    }

    @Test func imagesInOutputsHaveNoCount() throws {
        let part: JSON = ["type": "image_url", "image_url": "https://a"]
        let output = JSON.array(Array(repeating: part, count: InputLimits.standard.mediaParts + 1))
        var conversation = try Self.chat(output, media: .all).chat.conversation
        Self.preset.complete(&conversation)
        let content = conversation.messages[2].content ?? []
        #expect(content.first?.media == nil && content.dropFirst().allSatisfy { $0.media != nil })
    }

    // MARK: Sizes

    @Test func mediaCountsByItsTokensAndIsComparedByItsHash() {
        let long = MediaPart(.image(url: "data:image/png;base64," + String(repeating: "A", count: 1 << 20), detail: nil))
        let message = ChatMessage(role: .user, content: [.media(long)])
        #expect(message.hasContent && message.texts.isEmpty && message.json["content"] == "")
        #expect(Conversation(messages: [message]).bytes == long.estimatedBytes + 2 && long.estimatedBytes < 10_000)
        #expect(long.fingerprint != Self.image.fingerprint && Self.image.fingerprint == MediaPart(Self.image.source).fingerprint)
        #expect(MediaPart(.image(url: "https://a", detail: "low")).fingerprint != MediaPart(.image(url: "https://a", detail: nil)).fingerprint)
    }
}
