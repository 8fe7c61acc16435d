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
