import Logging
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyUpstreams
import Testing

/// Requests for media at one upstream.
@Suite struct MediaTests {
    private static let speech = MediaRequest(endpoint: .speech, body: .json(["model": "nick", "input": "Hi"]))

    private static func form(_ fields: [FormField]) -> MediaRequest { MediaRequest(endpoint: .transcriptions, body: .form(fields)) }

    private static func bytes(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

    private static func reply(_ type: String, _ body: String, status: Int = 200, isComplete: Bool = true) -> ScriptedUpstream.Reply {
        let head = "HTTP/1.1 \(status) X\r\ncontent-type: \(type)\r\ntransfer-encoding: chunked\r\ncontent-disposition: inline\r\nx-secret: 1\r\n\r\n"
        let chunk = String(body.utf8.count, radix: 16) + "\r\n" + body + "\r\n"
        return ScriptedUpstream.Reply(bytes: Array((head + chunk + (isComplete ? "0\r\n\r\n" : "")).utf8))
    }

    /// Returns the text of an answer.
    private static func text(_ answer: MediaAnswer) async throws -> String {
        var bytes: [UInt8] = []
        while let piece = try await answer.next() { bytes += piece }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: Requests

    @Test func jsonKeepsItsFields() async throws {
        let script = { @Sendable (_: ScriptedUpstream.Request, _: Int) in Self.reply("audio/mpeg", "abc") }
        try await ScriptedUpstream.with(settings: { $0.droppedFields = ["voice"] }, script: script) { endpoint, server in
            var request = MediaRequest(endpoint: .speech, body: .json(["model": "nick", "voice": "v", "x": [1, .null]]), accept: "audio/*")
            _ = try await endpoint.forward(request, model: "own", context: UpstreamContext(user: "u"))
            request.endpoint = .imageGenerations
            _ = try await endpoint.forward(request, model: "own", context: UpstreamContext(user: "u"))
            let sent = server.requests
            #expect(sent[0].line == "POST /v1/audio/speech HTTP/1.1" && sent[0].json == ["model": "own", "x": [1, .null]])
            #expect(sent[0].head.contains("accept: audio/*") && sent[0].head.contains("Bearer secret-key"))
            #expect(sent[1].path == "/v1/images/generations" && sent[1].json["user"] == "u")
        }
    }

    @Test func aFormKeepsItsFilesAndGetsTheModel() async throws {
        let file = FormField("file", fileName: "a\"b\r\n.wav", contentType: "audio/wav", content: Self.bytes("RIFF\r\n--x\r\n"))
        let request = Self.form([file, FormField("model", content: Self.bytes("nick")), FormField("temperature", content: Self.bytes("0"))])
        let change = { @Sendable (settings: inout UpstreamSettings) in
            settings.droppedFields = ["temperature"]
            settings.addedFields = ["language": "de", "n": 2]
        }
        try await ScriptedUpstream.with(settings: change, script: { _, _ in .json(["text": "Hi"]) }) { endpoint, server in
            _ = try await endpoint.forward(request, model: "own/é", context: UpstreamContext(user: "u"))
            let sent = try #require(server.requests.first)
            let mark = try #require(sent.head.split(separator: "boundary=").last?.split(separator: "\r\n").first)
            func part(_ head: String, _ content: String) -> String { "--\(mark)\r\nContent-Disposition: form-data; \(head)\r\n\r\n\(content)\r\n" }
            let expected =
                part("name=\"file\"; filename=\"a%22b%0D%0A.wav\"\r\nContent-Type: audio/wav", "RIFF\r\n--x\r\n") + part("name=\"model\"", "own/é")
                + part("name=\"language\"", "de") + part("name=\"n\"", "2") + "--\(mark)--\r\n"
            #expect(String(decoding: sent.body, as: UTF8.self) == expected)
        }
    }

    @Test func aLargeFormArrivesWhole() async throws {
        let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let request = Self.form([FormField("model", content: Self.bytes("m")), FormField("file", fileName: "f", content: content[...])])
        try await ScriptedUpstream.with(script: { _, _ in .json(["text": "Hi"]) }) { endpoint, server in
            let answer = try await endpoint.forward(request, model: "m", context: UpstreamContext())
            let text = try await Self.text(answer)
            #expect(text == #"{"text":"Hi"}"#)
            let sent = try #require(server.requests.first)
            let start = try #require(sent.body.firstRange(of: Array("filename=\"f\"\r\n\r\n".utf8)))
            #expect(Array(sent.body[start.upperBound...].prefix(content.count)) == content)
        }
    }

    // MARK: Answers

    @Test(arguments: [("audio/mpeg", MediaAnswer.Form.bytes), ("text/plain; charset=utf-8", .whole), ("Application/JSON", .whole)])
    func answersKeepTheirTypeAndBytes(type: String, form: MediaAnswer.Form) async throws {
        try await ScriptedUpstream.with(script: { _, _ in Self.reply(type, "abc", status: 201) }) { endpoint, _ in
            let answer = try await endpoint.forward(Self.speech, model: "m", context: UpstreamContext())
            #expect(answer.status == 201 && answer.contentType == type && answer.form == form && answer.upstream == "box")
            #expect(answer.headers == [MediaAnswer.Header(name: "content-disposition", value: "inline")])
            let text = try await Self.text(answer)
            #expect(text == "abc" && answer.usage() == nil)
            let further = try await answer.next()
            #expect(further == nil)
        }
    }

    @Test func theUsageIsThatOfTheAnswer() async throws {
        let whole = #"{"data": [], "usage": {"input_tokens": 5, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 2}}}"#
        try await ScriptedUpstream.with(script: { _, _ in Self.reply("application/json", whole) }) { endpoint, _ in
            let answer = try await endpoint.forward(Self.speech, model: "m", context: UpstreamContext())
            let text = try await Self.text(answer)
            #expect(text == whole && answer.usage() == Usage(promptTokens: 5, cachedPromptTokens: 2, completionTokens: 7))
        }
        let events = "event: a\r\ndata: {\"a\": 1}\r\n\r\ndata: {\"usage\": {\"prompt_tokens\": 3}}\n\ndata: {\"usage\": {\"seconds\": 3}}\n\n"
        try await ScriptedUpstream.with(script: { _, _ in Self.reply("text/event-stream", events) }) { endpoint, _ in
            let answer = try await endpoint.forward(Self.speech, model: "m", context: UpstreamContext())
            let text = try await Self.text(answer)
            #expect(text == events && answer.usage() == Usage(promptTokens: 3, cachedPromptTokens: 0, completionTokens: 0))
        }
    }

    /// A stream that breaks has no part of an event before the error.
    @Test func noPieceEndsWithinAnEvent() async throws {
        let reply = Self.reply("text/event-stream", "data: 1\n\ndata: 2\r\n\r\ndata: 3\n", isComplete: false)
        try await ScriptedUpstream.with(script: { _, _ in ScriptedUpstream.Reply(bytes: reply.bytes, closes: true) }) { endpoint, _ in
            let answer = try await endpoint.forward(Self.speech, model: "m", context: UpstreamContext())
            let first = try await answer.next()
            #expect(first == Array("data: 1\n\ndata: 2\r\n\r\n".utf8))
            let found = try await failure { _ = try await answer.next() }
            #expect(found?.reason == .interrupted)
        }
    }

    // MARK: Failures

    @Test(arguments: [
        (404, #"{"detail": "Not Found"}"#, true), (405, "", true), (501, #"{"error": {"message": "not supported"}}"#, true),
        (404, #"{"error": {"message": "no model", "code": "model_not_found"}}"#, false), (404, #"{"error": "model 'qwen-x' not found"}"#, false),
        (400, #"{"error": {"message": "bad", "param": "voice"}}"#, false),
    ])
    func aMissingRouteIsNamed(status: Int, body: String, isMissing: Bool) async throws {
        try await ScriptedUpstream.with(script: { _, _ in .text(body, status: status) }) { endpoint, _ in
            let found = try await failure { _ = try await endpoint.forward(Self.speech, model: "qwen-x", context: UpstreamContext()) }
            #expect(found?.isUnsupported == isMissing && found?.upstream == "box")
            if isMissing { #expect(found?.message == "it has no route POST /v1/audio/speech for this model (status \(status))") }
        }
    }

    @Test func anthropicsAPIHasNoMedia() async throws {
        try await ScriptedUpstream.with(.anthropic, script: { _, _ in .json([:]) }) { endpoint, server in
            let found = try await failure { _ = try await endpoint.forward(Self.speech, model: "m", context: UpstreamContext()) }
            #expect(found?.reason == .unsupported(field: "model") && server.requests.isEmpty)
        }
    }

    @Test func aCancelledAnswerClosesTheRequest() async throws {
        try await ScriptedUpstream.with(script: { _, _ in Self.reply("audio/mpeg", "abc", isComplete: false) }) { endpoint, server in
            let answer = try await endpoint.forward(Self.speech, model: "m", context: UpstreamContext())
            let first = try await answer.next()
            #expect(first == Array("abc".utf8))
            answer.cancel()
            await #expect(throws: CancellationError.self) { _ = try await answer.next() }
            let isClosed = await server.closed.wait(atMost: .seconds(10))
            #expect(isClosed)
        }
    }

    @Test func anAnswerThatNobodyReadsClosesTheRequest() async throws {
        try await ScriptedUpstream.with(script: { _, _ in Self.reply("audio/mpeg", "abc", isComplete: false) }) { endpoint, server in
            do { _ = try await endpoint.forward(Self.speech, model: "m", context: UpstreamContext()) }
            let isClosed = await server.closed.wait(atMost: .seconds(10))
            #expect(isClosed)
        }
    }
}

/// Requests for media at replicas.
@Suite struct FleetMediaTests {
    private func fleet(_ peers: [ScriptedPeer]) async -> UpstreamFleet {
        let byName = Dictionary(uniqueKeysWithValues: peers.map { ($0.name, $0) })
        let maker = UpstreamMaker(detect: { _ in .shimmy }, make: { settings, _ in byName[settings.name]! })
        let fleet = UpstreamFleet(maker: maker, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        fleet.update(
            peers.enumerated().map { index, peer in
                var settings = UpstreamSettings(name: peer.name, url: "http://\(peer.name)")
                (settings.healthSeconds, settings.priority) = (3600, index + 1)
                return settings
            })
        await fleet.firstChecks(within: .seconds(30))
        return fleet
    }

    private static let request = MediaRequest(endpoint: .speech, body: .json(["model": "m"]))

    private func forward(_ fleet: UpstreamFleet, _ terms: ServiceTerms = ServiceTerms()) async throws -> MediaAnswer {
        let forwarder = try #require(fleet.backend("m")?.forwarder)
        return try await forwarder.forward(Self.request, terms: terms)
    }

    @Test(arguments: [
        UpstreamFailure.Reason.unreachable, .busy(status: 503, retryAfter: nil), .busy(status: 429, retryAfter: 5), .unauthorized,
        .unsupported(field: "model"),
    ])
    func theNextReplicaIsAskedIfNothingHappened(reason: UpstreamFailure.Reason) async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b])
        a.fail(reason)
        let answer = try await forward(fleet)
        let piece = try await answer.next()
        #expect(answer.upstream == "b" && piece == Array("b m".utf8) && a.requests == 1)
    }

    @Test(arguments: [
        UpstreamFailure.Reason.timedOut, .interrupted, .unreadable, .failed(status: 500), .refused(status: 400, param: nil, code: nil),
    ])
    func nothingIsRepeatedThatMayHaveHappened(reason: UpstreamFailure.Reason) async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b])
        a.fail(reason)
        let found = try await failure { _ = try await forward(fleet) }
        #expect(found?.reason == reason && found?.upstream == "a" && b.requests == 0)
        #expect(fleet.statuses.allSatisfy { $0.running == 0 })
    }

    @Test func aLoopEnds() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b])
        a.fail(.failed(status: 508))
        let found = try await failure { _ = try await forward(fleet) }
        #expect(found?.reason == .loop && b.requests == 0)
    }

    @Test func anAnswerKeepsItsPlaceUntilItsEnd() async throws {
        let a = ScriptedPeer("a")
        let fleet = await fleet([a])
        let answer = try await forward(fleet)
        #expect(fleet.statuses.first?.running == 1)
        while try await answer.next() != nil {}
        #expect(fleet.statuses.first?.running == 0 && fleet.statuses.first?.failures == 0)
    }

    @Test func anAnswerThatBreaksIsAFailure() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b])
        a.breakAnswers()
        let answer = try await forward(fleet)
        _ = try await answer.next()
        let found = try await failure { _ = try await answer.next() }
        #expect(found?.reason == .interrupted && b.requests == 0)
        #expect(fleet.statuses.first?.running == 0 && fleet.statuses.first?.failures == 1)
    }
}
