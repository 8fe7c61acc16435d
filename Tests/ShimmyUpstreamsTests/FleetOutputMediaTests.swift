import Logging
import ShimmyChat
import ShimmyJSON
import ShimmyUpstreams
import Testing

/// Images in the outputs of tools for upstreams that do not say what their models read.
@Suite struct FleetOutputMediaTests {
    private static let image = MediaPart(.image(url: "https://host/a.png", detail: nil))
    private static let request = ChatRequest(messages: [
        ChatMessage(.user, "a"),
        ChatMessage(
            role: .assistant, content: nil, toolCalls: [["id": "c", "type": "function", "function": ["name": "f", "arguments": "{}"]]]),
        ChatMessage(role: .tool, content: ["see", .media(image)], toolCallID: "c"),
    ])

    /// Returns the generator of a peer's model.
    /// - images: whether the peer says that the model reads images; nil if it says nothing.
    private func generator(_ peer: ScriptedPeer, images: Bool?) async throws -> any TextGenerator {
        var model = UpstreamModel(id: "m", contextLength: 100)
        model.takesImages = images
        peer.offer([model])
        let maker = UpstreamMaker(detect: { _ in .shimmy }, make: { _, _ in peer })
        let fleet = UpstreamFleet(maker: maker, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        fleet.update([UpstreamSettings(name: "a", url: "http://a")])
        await fleet.firstChecks(within: .seconds(30))
        return try #require(fleet.backend("m")?.generator)
    }

    @Test func anUpstreamThatRefusesThemGetsTheRequestWithoutThem() async throws {
        let peer = ScriptedPeer("a")
        let generator = try await generator(peer, images: nil)
        peer.fail(.refused(status: 400, param: nil, code: nil), message: "m is not a multimodal model")
        _ = try await generator.generate(Self.request, terms: ServiceTerms())
        let sent = peer.conversations
        #expect(sent.map(\.hasOutputMedia) == [true, false] && sent.last?.normalizations == [.omittedMedia])
        #expect(sent.last?.messages.last?.content == ["see", "[image omitted: this model reads only text]"])
    }

    @Test func aMistakeIsNotRepeatedTwice() async throws {
        let peer = ScriptedPeer("a")
        let generator = try await generator(peer, images: nil)
        let refusal = UpstreamFailure.Reason.refused(status: 400, param: "x", code: nil)
        peer.fail(refusal, refusal, refusal)
        let found = try await failure { _ = try await generator.generate(Self.request, terms: ServiceTerms()) }
        #expect(found?.reason == refusal && peer.requests == 2)
    }

    @Test func aModelThatReadsImagesAlwaysGetsThem() async throws {
        let peer = ScriptedPeer("a")
        let generator = try await generator(peer, images: true)
        let refusal = UpstreamFailure.Reason.refused(status: 400, param: "x", code: nil)
        peer.fail(refusal)
        let found = try await failure { _ = try await generator.generate(Self.request, terms: ServiceTerms()) }
        #expect(found?.reason == refusal && peer.requests == 1)
    }
}
