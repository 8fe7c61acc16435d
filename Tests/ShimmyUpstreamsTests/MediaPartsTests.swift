import Logging
import ShimmyChat
import ShimmyJSON
import ShimmyUpstreams
import Testing

/// Images and recordings of messages in the requests of each API.
@Suite struct MediaPartsTests {
    private static let image = MediaPart(.image(url: "data:image/png;base64,AAAA", detail: "low"))
    private static let remote = MediaPart(.image(url: "https://host/a.png", detail: nil))
    private static let audio = MediaPart(.audio(data: "AAAA", format: "wav"))
    private static let settings = UpstreamSettings(name: "box", url: "http://box:8000")

    private static func request(_ media: MediaPart...) -> ChatRequest {
        ChatRequest(messages: [ChatMessage(role: .user, content: ["Look:"] + media.map(ContentPart.media))])
    }

    @Test func chatCompletionsHaveParts() throws {
        let request = Self.request(Self.image, Self.remote, Self.audio)
        let call = try ChatCall.make(request, model: "m", maximumTokens: nil, kind: .vllm, settings: Self.settings, user: nil)
        let content: JSON = [
            ["type": "text", "text": "Look:"], ["type": "image_url", "image_url": ["url": "data:image/png;base64,AAAA", "detail": "low"]],
            ["type": "image_url", "image_url": ["url": "https://host/a.png"]],
            ["type": "input_audio", "input_audio": ["data": "AAAA", "format": "wav"]],
        ]
        #expect(call.bodies[0]["messages"] == [["role": "user", "content": content]])
    }

    @Test func responsesHaveParts() throws {
        let request = Self.request(Self.image, Self.remote, Self.audio)
        let call = try ResponseCall.make(request, model: "m", maximumTokens: nil, kind: .openai, settings: Self.settings, user: nil)
        let content: JSON = [
            ["type": "input_text", "text": "Look:"], ["type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"],
            ["type": "input_image", "image_url": "https://host/a.png", "detail": "auto"],
            ["type": "input_audio", "input_audio": ["data": "AAAA", "format": "wav"]],
        ]
        #expect(call.bodies[0]["input"] == [["type": "message", "role": "user", "content": content]])
    }

    @Test func messagesHaveBlocks() throws {
        let request = Self.request(Self.image, Self.remote)
        let call = try MessageCall.make(request, model: "m", maximumTokens: 9, settings: Self.settings, user: nil)
        let content: JSON = [
            ["type": "text", "text": "Look:"], ["type": "image", "source": ["type": "base64", "media_type": "image/png", "data": "AAAA"]],
            ["type": "image", "source": ["type": "url", "url": "https://host/a.png"]],
        ]
        #expect(call.bodies[0]["messages"] == [["role": "user", "content": content]])
        #expect(throws: UpstreamFailure.self) {
            try MessageCall.make(Self.request(Self.audio), model: "m", maximumTokens: 9, settings: Self.settings, user: nil)
        }
    }

    // MARK: Outputs of tools

    /// A conversation with two outputs, of which the second has two images.
    private static let outputs: ChatRequest = {
        let calls: JSON = [
            ["id": "c1", "type": "function", "function": ["name": "f", "arguments": "{}"]],
            ["id": "c2", "type": "function", "function": ["name": "f", "arguments": "{}"]],
        ]
        return ChatRequest(messages: [
            ChatMessage(.user, "a"), ChatMessage(role: .assistant, content: nil, toolCalls: calls),
            ChatMessage(role: .tool, content: ["one"], toolCallID: "c1"),
            ChatMessage(role: .tool, content: ["two", .media(image), .media(remote)], toolCallID: "c2"),
        ])
    }()

    private static let imagePart: JSON = ["type": "image_url", "image_url": ["url": "data:image/png;base64,AAAA", "detail": "low"]]
    private static let remotePart: JSON = ["type": "image_url", "image_url": ["url": "https://host/a.png"]]

    @Test(arguments: [UpstreamKind.vllm, .openai, .ollama]) func imagesInOutputsAreInTheNextMessageOfChats(kind: UpstreamKind) throws {
        let call = try ChatCall.make(Self.outputs, model: "m", maximumTokens: nil, kind: kind, settings: Self.settings, user: nil)
        let sent = call.bodies[0]["messages"]?.arrayValue ?? []
        #expect(sent.count == 5 && sent[2]["content"] == "one")
        #expect(sent[3]["content"] == "two\n[image 1: see the user's next message]\n[image 2: see the user's next message]")
        let content: JSON = [["type": "text", "text": "[image 1]"], Self.imagePart, ["type": "text", "text": "[image 2]"], Self.remotePart]
        #expect(sent[4] == ["role": "user", "content": content])
        #expect(call.report.normalizations == ["moved-media"])
    }

    @Test func anotherShimmyTakesImagesInOutputs() throws {
        let call = try ChatCall.make(Self.outputs, model: "m", maximumTokens: nil, kind: .shimmy, settings: Self.settings, user: nil)
        let sent = call.bodies[0]["messages"]?.arrayValue ?? []
        let content: JSON = [["type": "text", "text": "two"], Self.imagePart, Self.remotePart]
        #expect(sent.count == 4 && sent[3]["role"] == "tool" && sent[3]["content"] == content && call.report.normalizations.isEmpty)
    }

    @Test func responsesOfOpenAITakeImagesInOutputs() throws {
        let settings = UpstreamSettings(name: "cloud", url: "https://api.openai.com")
        let call = try ResponseCall.make(Self.outputs, model: "m", maximumTokens: nil, kind: .openai, settings: settings, user: nil)
        let output: JSON = [
            ["type": "input_text", "text": "two"], ["type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"],
            ["type": "input_image", "image_url": "https://host/a.png", "detail": "auto"],
        ]
        let last = call.bodies[0]["input"]?.arrayValue?.last
        #expect(last == ["type": "function_call_output", "call_id": "c2", "output": output] && call.report.normalizations.isEmpty)
        let other = try ResponseCall.make(Self.outputs, model: "m", maximumTokens: nil, kind: .vllm, settings: Self.settings, user: nil)
        let moved = other.bodies[0]["input"]?.arrayValue?.last
        #expect(moved?["role"] == "user" && moved?["content"]?.arrayValue?.count == 4 && other.report.normalizations == ["moved-media"])
    }

    @Test func resultsOfMessagesTakeImages() throws {
        let call = try MessageCall.make(Self.outputs, model: "m", maximumTokens: 9, settings: Self.settings, user: nil)
        let results = call.bodies[0]["messages"]?.arrayValue?.last?["content"]
        let content: JSON = [
            ["type": "text", "text": "two"], ["type": "image", "source": ["type": "base64", "media_type": "image/png", "data": "AAAA"]],
            ["type": "image", "source": ["type": "url", "url": "https://host/a.png"]],
        ]
        #expect(results?[1]?["tool_use_id"] == "c2" && results?[1]?["content"] == content && call.report.normalizations.isEmpty)
    }

    // MARK: What models read

    private static func script(_ answers: [String: JSON]) -> @Sendable (ScriptedUpstream.Request, Int) -> ScriptedUpstream.Reply {
        { request, _ in answers[request.path].map { .json($0) } ?? .json(["error": "not found"], status: 404) }
    }

    /// Returns the model of replicas that say this about it.
    private static func offer(_ replicas: [(images: Bool?, audio: Bool?)]) async throws -> UpstreamOffer {
        let peers = replicas.enumerated().map { index, replica in
            var model = UpstreamModel(id: "m")
            (model.takesImages, model.takesAudio) = (replica.images, replica.audio)
            return ScriptedPeer("u\(index)", offering: [model])
        }
        let byName = Dictionary(uniqueKeysWithValues: peers.map { ($0.name, $0) })
        let maker = UpstreamMaker(detect: { _ in .shimmy }, make: { settings, _ in byName[settings.name]! })
        let fleet = UpstreamFleet(maker: maker, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        fleet.update(peers.map { UpstreamSettings(name: $0.name, url: "http://\($0.name)") })
        await fleet.firstChecks(within: .seconds(30))
        return try #require(fleet.catalog.offer("m"))
    }

    @Test func aModelReadsAllMediaThatNoReplicaDenies() async throws {
        let unknown = try await Self.offer([(nil, nil)])
        #expect(unknown.media == .all && unknown.abilities.isEmpty)
        let known = try await Self.offer([(true, false), (true, nil)])
        #expect(known.media == .image && known.abilities == ["vision"])
        let both = try await Self.offer([(true, true)])
        #expect(both.media == .all && both.abilities == ["vision", "audio"])
        let divided = try await Self.offer([(true, nil), (false, nil)])
        #expect(divided.media == .audio)
    }

    @Test func upstreamsSayWhatTheirModelsRead() async throws {
        let capable: JSON = ["capabilities": ["completion", "vision"]]
        let ollama = Self.script(["/api/tags": ["models": [["name": "m"]]], "/api/show": capable])
        try await ScriptedUpstream.with(.ollama, script: ollama) { endpoint, _ in
            let model = try await endpoint.models().first
            #expect(model?.takesImages == true && model?.takesAudio == false)
        }
        let list: JSON = [
            "data": [
                ["id": "text", "shimmy": ["capabilities": ["chat"]]], ["id": "seer", "shimmy": ["capabilities": ["chat", "vision"]]],
                ["id": "far", "shimmy": ["capabilities": ["chat"], "upstreams": ["gpu"]]],
            ]
        ]
        try await ScriptedUpstream.with(.shimmy, script: Self.script(["/v1/models": list])) { endpoint, _ in
            let found = try await endpoint.models().map(\.takesImages)
            #expect(found == [false, true, nil])
        }
        let modalities: JSON = ["modalities": ["vision": false, "audio": true]]
        let server = Self.script(["/v1/models": ["data": [["id": "m"]]], "/props": modalities])
        try await ScriptedUpstream.with(.llamaServer, script: server) { endpoint, _ in
            let model = try await endpoint.models().first
            #expect(model?.takesImages == false && model?.takesAudio == true)
        }
    }
}
