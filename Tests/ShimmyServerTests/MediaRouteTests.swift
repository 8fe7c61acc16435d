import Foundation
import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyServer
import ShimmyService
import ShimmyTestSupport
import Testing

/// Requests for speech, transcripts and images, with a scripted model of an upstream.
@Suite struct MediaRouteTests {
    private static let speech: JSON = ["model": "remote", "input": "Hi", "voice": "v"]

    private static func server(_ forwarder: ScriptedForwarder) -> ScriptedServer {
        ScriptedServer(models: ["remote": { forwarder.backend() }, "talker": { ScriptedGenerator(says: ["a"]).backend() }])
    }

    private static func form(_ parts: [(String, String)]) -> String {
        parts.map { "--mark\r\nContent-Disposition: form-data; \($0.0)\r\n\r\n\($0.1)\r\n" }.joined() + "--mark--\r\n"
    }

    private static let formType = ["content-type": "multipart/form-data; boundary=mark"]

    // MARK: Answers

    @Test(arguments: [MediaAnswer.Form.whole, .bytes, .events])
    func theAnswerIsTheUpstreams(form: MediaAnswer.Form) async throws {
        let forwarder = ScriptedForwarder(form, "audio/mpeg", [.bytes("ab"), .bytes("cd")])
        let answer = try await Self.server(forwarder).post("/v1/audio/speech", Self.speech, headers: ["accept": "audio/*"])
        #expect(answer.status == 201 && answer.body == "abcd")
        #expect(answer.header("content-type") == "audio/mpeg" && answer.header("x-shimmy-upstream") == "gpu")
        #expect(answer.header("content-disposition") == "inline" && answer.header("x-request-id") != nil)
        let request = try #require(forwarder.requests.first)
        guard case .json(let fields) = request.body else { throw NoJSON() }
        #expect(request.endpoint == .speech && request.accept == "audio/*" && .object(fields) == Self.speech)
    }

    private struct NoJSON: Error {}

    @Test func formsAreRead() async throws {
        let forwarder = ScriptedForwarder(.whole, "application/json", [.bytes("{}")])
        let body = Self.form([("name=\"model\"", "remote"), ("name=\"file\"; filename=\"a.wav\"", "RIFF")])
        for path in ["/v1/audio/transcriptions", "/audio/translations", "/v1/images/edits"] {
            let answer = try await Self.server(forwarder).send("POST", path, body, headers: Self.formType)
            #expect(answer.status == 201, "\(path) \(answer.body)")
        }
        #expect(forwarder.requests.map(\.endpoint) == [.transcriptions, .translations, .imageEdits])
        guard case .form(let fields)? = forwarder.requests.first?.body else { throw NoJSON() }
        #expect(fields.map(\.name) == ["model", "file"] && fields.map(\.text) == ["remote", "RIFF"] && fields[1].fileName == "a.wav")
    }

    @Test func eventsThatBreakEndWithAnError() async throws {
        let failure = UpstreamFailure("gpu", .interrupted, "the connection was lost")
        let forwarder = ScriptedForwarder(.events, "text/event-stream", [.bytes("data: {\"a\": 1}\n\n"), .failure(failure)])
        let answer = try await Self.server(forwarder).post("/v1/images/generations", ["model": "remote", "prompt": "p", "stream": true])
        #expect(answer.status == 201 && answer.events.first == ["a": 1])
        #expect(answer.events.last?["error"]?["code"] == "upstream_interrupted" && forwarder.cancelled == 1)
    }

    // MARK: Failures

    private static let failures: [(UpstreamFailure.Reason, String)] = [
        (.refused(status: 422, param: "voice", code: "bad"), "422 bad voice"), (.unsupported(field: "model"), "400 unsupported_by_upstream model"),
        (.interrupted, "502 upstream_interrupted -"), (.busy(status: 429, retryAfter: 7), "429 upstream_busy -"),
        (.busy(status: 503, retryAfter: 7), "503 upstream_busy -"), (.timedOut, "504 upstream_timeout -"),
    ]

    @Test(arguments: failures)
    func eachFailureHasItsStatus(reason: UpstreamFailure.Reason, error: String) async throws {
        let forwarder = ScriptedForwarder(.bytes, "audio/mpeg", [], failure: UpstreamFailure("gpu", reason, "it is off"))
        let answer = try await Self.server(forwarder).post("/v1/audio/speech", Self.speech)
        #expect(answer.error == error)
    }

    @Test func aWholeAnswerThatBreaksIsAnError() async throws {
        let failure = UpstreamFailure("gpu", .unreadable, "its answer is too long")
        let forwarder = ScriptedForwarder(.whole, "application/json", [.bytes("{"), .failure(failure)])
        let answer = try await Self.server(forwarder).post("/v1/images/generations", ["model": "remote"])
        #expect(answer.error == "502 upstream_unreadable -")
    }

    private static let mistakes: [(JSON, String)] = [
        (["input": "a"], "400 missing_required_parameter model"), (["model": 1], "400 invalid_type model"),
        (["model": "talker"], "400 model_not_usable model"), (["model": "nobody"], "404 model_not_found -"), ([], "400 invalid_type -"),
        (["model": "remote", "Model": "talker"], "400 invalid_value model"),
    ]

    @Test(arguments: mistakes)
    func mistakesAreNamed(body: JSON, error: String) async throws {
        let forwarder = ScriptedForwarder(.bytes, "audio/mpeg", [])
        let answer = try await Self.server(forwarder).post("/v1/audio/speech", body)
        #expect(answer.error == error && forwarder.requests.isEmpty)
    }

    private static let formMistakes: [([(String, String)], String)] = [
        ([("name=\"file\"", "a")], "400 missing_required_parameter model"),
        ([("name=\"model\"", "remote"), ("name=\"model\"", "talker")], "400 invalid_value model"),
        ([("name=\"model\"", "remote"), ("name=\"Model[]\"", "talker")], "400 invalid_value model"),
        ([("name=\"model\"; filename=\"f\"", "remote")], "400 invalid_type model"), ([("name=\"model\"", "talker")], "400 model_not_usable model"),
    ]

    @Test(arguments: formMistakes)
    func mistakesInFormsAreNamed(parts: [(String, String)], error: String) async throws {
        let forwarder = ScriptedForwarder(.bytes, "audio/mpeg", [])
        let answer = try await Self.server(forwarder).send("POST", "/v1/audio/transcriptions", Self.form(parts), headers: Self.formType)
        #expect(answer.error == error && forwarder.requests.isEmpty)
    }

    @Test(arguments: [
        ("/v1/audio/speech", "multipart/form-data; boundary=mark", "415 - -"), ("/v1/audio/transcriptions", "application/json", "415 - -"),
        ("/v1/images/edits", "text/plain", "415 - -"), ("/v1/images/edits", "multipart/form-data", "400 invalid_form -"),
    ])
    func otherTypesAreRefused(path: String, type: String, error: String) async throws {
        let answer = try await Self.server(ScriptedForwarder(.bytes, "a/b", [])).send("POST", path, "{}", headers: ["content-type": type])
        #expect(answer.error == error)
    }

    @Test func largeBodiesAreRefused() async throws {
        var server = Self.server(ScriptedForwarder(.bytes, "a/b", []))
        server.configuration.limits.input.bodyBytes = 100
        let body = Self.form([("name=\"model\"", "remote"), ("name=\"file\"", String(repeating: "a", count: 100))])
        let answer = try await server.send("POST", "/v1/audio/transcriptions", body, headers: Self.formType)
        #expect(answer.error == "413 request_too_large -")
    }

    // MARK: Keys

    @Test func aKeyHasItsModelsAndItsLimits() async throws {
        let forwarder = ScriptedForwarder(
            .bytes, "audio/mpeg", [.bytes("a")], usage: Usage(promptTokens: 40, cachedPromptTokens: 0, completionTokens: 2))
        func known(_ name: String, _ models: [String], _ limits: AccessKey.Limits) -> ServerAccess.ConfiguredKey {
            let created = Date(timeIntervalSince1970: 0)
            var key = AccessKey(id: name, name: name, role: .user, limits: limits, created: created)
            key.models = models
            return ServerAccess.ConfiguredKey(hash: KeyHash(of: name), key: key)
        }
        var limits = AccessKey.Limits()
        limits.tokensPerMinute = 40
        var server = Self.server(forwarder)
        server.configuration = ServerConfiguration(access: .init(keys: [known("ann", ["remote"], limits), known("bob", ["talker"], .init())]))
        server.configuration.accounts = Accounts()
        let first = try await server.post("/v1/audio/speech", Self.speech, headers: ["authorization": "Bearer ann"])
        #expect(first.status == 201)
        let second = try await server.post("/v1/audio/speech", Self.speech, headers: ["authorization": "Bearer ann"])
        #expect(second.status == 429)
        let other = try await server.post("/v1/audio/speech", Self.speech, headers: ["authorization": "Bearer bob"])
        #expect(other.error == "404 model_not_found -" && forwarder.requests.count == 1)
    }
}
