import ShimmyAPI
import ShimmyChat
import ShimmyEngine
import ShimmyJSON
import ShimmyServer
import ShimmyTestSupport
import Testing

/// The routes of decisions and moderations, with a scripted model.
@Suite struct DecisionRouteTests {
    private static let body: JSON = [
        "model": "talker", "input": "text", "safety_identifier": "u",
        "questions": [["type": "predicate", "name": "n", "instructions": "It rains."]],
    ]

    private func server(_ decider: ScriptedDecider, moderates: Bool = false) -> ScriptedServer {
        var server = ScriptedServer(models: ["talker": { decider.backend() }])
        server.preset.moderates = moderates
        return server
    }

    private static func even(_ question: DecisionRequest.Question) -> [Double] {
        question.labels.map { _ in 1 / Double(question.labels.count) }
    }

    @Test(arguments: ["/v1/decisions", "/decisions"]) func decisions(path: String) async throws {
        let decider = ScriptedDecider { _ in [0.75, 0.25] }
        let answer = try await server(decider).post(path, Self.body)
        #expect(answer.status == 200 && answer.json["model"] == "talker")
        #expect(answer.json["answers"] == [["type": "predicate", "name": "n", "probability": 0.75]])
        #expect(answer.json["usage"]?["input_tokens"] == 10)
        #expect(answer.header("x-shimmy-ignored-params") == nil)
        #expect(decider.requests.count == 1)
    }

    /// A process that runs a model for a server has a route of its own, which other servers lack.
    @Test func decisionsOfAnotherProcess() async throws {
        let question = DecisionRequest.Question(text: "Does it rain?", labels: ["yes", "no"], lead: " ")
        let other = DecisionRequest.Question(text: nil, labels: ["a", "b"])
        let messages = [ChatMessage(.system, "s"), ChatMessage(.user, "It is wet.")]
        let wanted = DecisionRequest(conversation: Conversation(messages: messages), questions: [question, other])
        var fields = wanted.fields
        fields["model"] = "talker"
        let decider = ScriptedDecider { _ in [0.75, 0.25] }
        var process = server(decider)
        process.configuration.takesOwners = true
        let answer = try await process.post("/v1/engine/decisions", .object(fields))
        #expect(answer.status == 200 && decider.requests == [wanted])
        let usage = Usage(promptTokens: 20, cachedPromptTokens: 4, completionTokens: 0)
        let result = DecisionResult(probabilities: [[0.75, 0.25], [0.75, 0.25]], usage: usage)
        #expect(DecisionOutcome(answer.json, of: wanted) == .result(result))

        var mistaken = server(ScriptedDecider { _ in throw GenerationError.badLabel(question: 1, label: 0, "x") })
        mistaken.configuration.takesOwners = true
        let refused = try await mistaken.post("/v1/engine/decisions", .object(fields))
        #expect(refused.status == 200)
        #expect(DecisionOutcome(refused.json, of: wanted) == .badLabel(question: 1, label: 0, "x"))

        let missing = try await server(decider).post("/v1/engine/decisions", .object(fields))
        #expect(missing.status == 404)
    }

    @Test func systemOne() async throws {
        let body: JSON = ["model": "talker", "state": "s", "questions": ["n": ["type": "noul", "instructions": "It rains."]]]
        let answer = try await server(ScriptedDecider(script: Self.even)).post("/v1/systemone", body)
        #expect(answer.json["answers"] == ["n": ["type": "noul", "noul": 0.5]])
        #expect(answer.json["usage"] == ["input_tokens": 10, "output_tokens": 0])
    }

    @Test func errors() async throws {
        let mistaken = server(ScriptedDecider { _ in throw GenerationError.badLabel(question: 0, label: nil, "x") })
        #expect(try await mistaken.post("/v1/decisions", Self.body).error == "400 invalid_value questions[0]")
        let full = server(ScriptedDecider { _ in throw QueueFull(retryAfter: 3) })
        #expect(try await full.post("/v1/decisions", Self.body).status == 429)
        let failing = server(ScriptedDecider { _ in throw EngineError("broken") })
        #expect(try await failing.post("/v1/decisions", Self.body).status == 500)
        #expect(try await failing.post("/v1/decisions", ["model": "talker", "input": "a"]).error == "400 missing_required_parameter questions")
        let unknown: JSON = ["model": "nobody", "input": "a", "questions": [["type": "predicate", "instructions": "b"]]]
        #expect(try await failing.post("/v1/decisions", unknown).error == "404 model_not_found -")
    }

    @Test func moderationsOfEachText() async throws {
        let decider = ScriptedDecider { question in [question.text?.contains("violence") == true ? 0.75 : 0.25, 0.5] }
        let answer = try await server(decider, moderates: true).post("/v1/moderations", ["input": ["a", "b"]])
        #expect(answer.status == 200 && answer.json["model"] == "talker")
        #expect(answer.json["results"]?.arrayValue?.count == 2 && decider.requests.count == 2)
        #expect(answer.json["results"]?[0]?["flagged"] == true)
    }

    @Test(arguments: ["omni-moderation-latest", "text-moderation-stable", "talker"]) func modelsForModeration(name: String) async throws {
        let marked = server(ScriptedDecider(script: Self.even), moderates: true)
        let answer = try await marked.post("/v1/moderations", ["input": "a", "model": .string(name)])
        #expect(answer.status == 200 && answer.json["model"] == .string(name))
        let unmarked = try await server(ScriptedDecider(script: Self.even)).post("/v1/moderations", ["input": "a", "model": .string(name)])
        #expect(unmarked.error == (name == "talker" ? "400 model_not_usable model" : "404 model_not_found model"))
    }

    @Test func aGuardModelUsesItsOwnTemplate() async throws {
        let decider = ScriptedDecider(template: "<BEGIN UNSAFE CONTENT CATEGORIES> Violent Crimes Indiscriminate Weapons", script: Self.even)
        let answer = try await server(decider, moderates: true).post("/v1/moderations", ["input": "a"])
        #expect(answer.status == 200)
        #expect(decider.requests.map { $0.questions.map(\.labels.count) } == [[15]])
    }
}
