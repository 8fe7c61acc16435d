import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import Testing

@Suite struct DecisionRequestTests {
    private static let predicate: JSON = ["type": "predicate", "instructions": "It rains."]

    private func request(_ questions: [JSON], input: JSON = "text") -> JSON {
        ["model": "m", "input": input, "questions": .array(questions)]
    }

    private func problem(_ json: JSON) -> String? {
        do {
            _ = try DecisionsRequest(json)
            return nil
        } catch {
            return "\(error.code ?? "-") \(error.param ?? "-")"
        }
    }

    private func result(_ probabilities: [[Double]]) -> DecisionResult {
        DecisionResult(probabilities: probabilities, usage: Usage(promptTokens: 9, cachedPromptTokens: 4, completionTokens: 0))
    }

    // MARK: OpenAI's form

    @Test func theDecoderReadsTheRowsThatAreSupported() throws {
        let recorder = FieldRecorder()
        let questions: [JSON] = [
            ["type": "predicate", "instructions": [["type": "input_text", "text": "a"], ["type": "input_json", "data": [:]]]],
            ["type": "choice", "instructions": "a", "choices": [["value": "a"], ["value": "b"]]],
            ["type": "score", "instructions": "a", "levels": [["label": "a"], ["label": "b"]]],
        ]
        _ = try DecisionsRequest(request(questions), recorder: recorder)
        #expect(recorder.fields == Self.promised(Compatibility.decisions))
        let second = FieldRecorder()
        _ = try ModerationsRequest(["input": [["type": "text", "text": "a"]]], recorder: second)
        #expect(second.fields == Self.promised(Compatibility.moderations))
    }

    private static func promised(_ endpoint: EndpointRow) -> Set<String> {
        Set(
            endpoint.request.filter {
                switch $0.support {
                case .supported, .partial: true
                case .refused, .ignored, .notSupported: false
                }
            }.map(\.field))
    }

    @Test func questionsAreWrittenForTheModel() throws {
        let decoded = try DecisionsRequest(
            request([
                Self.predicate,
                [
                    "type": "choice", "instructions": "Which?",
                    "choices": [["value": "a", "description": "the first"], ["value": "b"]],
                ],
                ["type": "score", "instructions": "How much?", "levels": [["label": "low", "description": "less"], ["label": "high"]]],
            ]))
        let questions = decoded.decision.questions
        #expect(questions.map(\.labels) == [["true", "false"], ["a", "b"], ["low", "high"]])
        #expect(questions[0].text?.contains("Statement: It rains.\n") == true)
        #expect(questions[1].text?.contains("Question: Which?\nAnswers:\n- a: the first\n- b\n") == true)
        #expect(questions[2].text?.contains("from the lowest to the highest:\n- low: less\n- high\n") == true)
        let message = try #require(decoded.decision.conversation.messages.last)
        #expect(message.role == .user && message.content?.first == "Input:\ntext\n" && message.content?.count == 2)
    }

    @Test func instructionsInParts() throws {
        let parts: JSON = [["type": "input_text", "text": "Is it"], ["type": "input_json", "data": ["a": [1, .null]]]]
        let decoded = try DecisionsRequest(request([["type": "predicate", "instructions": parts]]))
        #expect(decoded.decision.questions[0].text?.contains(#"Statement: Is it\#n{"a":[1,null]}"#) == true)
        let image: JSON = [["type": "predicate", "instructions": [["type": "input_image", "image_url": "u"]]]]
        #expect(problem(request(image.arrayValue ?? [])) == "unsupported_value questions[0].instructions[0].type")
    }

    @Test func choicesAreTyped() throws {
        let choices: JSON = [["value": "true"], ["value": true], ["value": "no"]]
        let decoded = try DecisionsRequest(request([["type": "choice", "instructions": "a", "choices": choices]]))
        #expect(decoded.decision.questions[0].labels == [#""true""#, "true", #""no""#])
        let answer = decoded.response(result([[0.2, 0.5, 0.3]]))["answers"]?[0]
        #expect(answer?["choice"] == true && answer?["confidence"] == 0.5)
        #expect(answer?["probabilities"]?[0] == ["value": "true", "probability": 0.2])
        let plain = try DecisionsRequest(request([["type": "choice", "instructions": "a", "choices": [["value": "yes"], ["value": false]]]]))
        #expect(plain.decision.questions[0].labels == ["yes", "false"])
    }

    @Test func answersInOrder() throws {
        let levels: JSON = [["label": "low"], ["label": "middle"], ["label": "high"]]
        let decoded = try DecisionsRequest(
            request([Self.predicate, ["type": "score", "name": "s", "instructions": "a", "levels": levels]]))
        let response = decoded.response(result([[0.75, 0.25], [0.25, 0.25, 0.5]]))
        #expect(response["answers"]?[0] == ["type": "predicate", "name": .null, "probability": 0.75])
        #expect(
            response["answers"]?[1] == [
                "type": "score", "name": "s", "score": 1.25, "confidence": 0.5,
                "probabilities": [
                    ["value": 0, "label": "low", "probability": 0.25], ["value": 1, "label": "middle", "probability": 0.25],
                    ["value": 2, "label": "high", "probability": 0.5],
                ],
            ])
        #expect(response["usage"]?["input_tokens_details"] == ["cached_tokens": 4, "cache_write_tokens": 5])
        #expect(response["usage"]?["total_tokens"] == 9)
    }

    @Test func inputsOfItems() throws {
        let items: JSON = [
            ["role": "system", "content": "s"],
            ["role": "user", "content": [["type": "input_json", "data": ["a": 1]], ["type": "input_text", "text": "b"]]],
            ["type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"],
            ["type": "function_call_output", "call_id": "c", "output": "o"],
        ]
        let messages = try DecisionsRequest(request([Self.predicate], input: items)).decision.conversation.messages
        #expect(messages.map(\.role) == [.system, .user, .assistant, .tool, .user])
        #expect(messages[1].content == [#"{"a":1}"#, "b"])
        #expect(problem(request([Self.predicate], input: [["type": "function_call_output", "call_id": "x", "output": "o"]])) == "- input")
        #expect(problem(request([Self.predicate], input: [["type": "item_reference", "id": "x"]])) == "invalid_value input[0].id")
        let image: JSON = [["role": "user", "content": [["type": "input_text", "text": "a"], ["type": "input_image", "image_url": "u"]]]]
        #expect(problem(request([Self.predicate], input: image)) == "unsupported_value input[0].content[1].type")
    }

    @Test func mistakesNameTheirField() {
        func choice(_ choices: JSON) -> JSON { request([["type": "choice", "instructions": "a", "choices": choices]]) }
        #expect(problem(request([])) == "empty_array questions")
        #expect(problem(["model": "m", "input": "a"]) == "missing_required_parameter questions")
        #expect(problem(["model": "m", "questions": [Self.predicate]]) == "missing_required_parameter input")
        #expect(problem(request([Self.predicate, ["type": "riddle", "instructions": "a"]])) == "invalid_value questions[1].type")
        #expect(problem(request([["type": "predicate"]])) == "missing_required_parameter questions[0].instructions")
        #expect(problem(choice([["value": "a"]])) == "invalid_value questions[0].choices")
        #expect(problem(choice([["value": "a"], ["value": "a"]])) == "invalid_value questions[0].choices[1].value")
        #expect(problem(choice([["value": "a"], ["value": 1]])) == "invalid_type questions[0].choices[1].value")
        #expect(problem(choice([["value": "a"], ["value": ""]])) == "invalid_value questions[0].choices[1].value")
        let long = JSON.string(String(repeating: "x", count: 1025))
        #expect(problem(choice([["value": "a"], ["value": long]])) == "string_above_max_length questions[0].choices[1].value")
        let many = JSON.array((0...255).map { ["value": .string("\($0)")] })
        #expect(problem(choice(many)) == "array_above_max_length questions[0].choices")
        let questions = Array(repeating: Self.predicate, count: 401)
        #expect(problem(request(questions)) == "array_above_max_length questions")
    }

    @Test func aNameBelongsToOneQuestion() {
        func named(_ names: [JSON]) -> JSON { request(names.map { ["type": "predicate", "instructions": "It rains.", "name": $0] }) }
        #expect(problem(named(["a", "b", "a"])) == "invalid_value questions[2].name")
        #expect(problem(named(["", ""])) == "invalid_value questions[1].name")
        #expect(problem(named(["a", "A", .null, .null])) == nil)
        #expect(problem(request([Self.predicate, Self.predicate])) == nil)
    }

    @Test func anErrorOfTheModelNamesTheLabel() throws {
        let decoded = try DecisionsRequest(request([["type": "choice", "instructions": "a", "choices": [["value": "a"], ["value": "b"]]]]))
        #expect(decoded.error(.badLabel(question: 0, label: 1, "x")).param == "questions[0].choices[1].value")
        #expect(decoded.error(.badLabel(question: 0, label: nil, "x")).param == "questions[0]")
        #expect(decoded.error(.emptyPrompt).param == "input")
    }

    // MARK: System One's form

    @Test func systemOne() throws {
        let decoded = try DecisionsRequest(
            systemOne: [
                "model": "m", "state": ["a": 1], "extra": 1,
                "questions": [
                    "p": ["type": "noul", "instructions": "It rains.", "criteria": ["true": "wet"]],
                    "c": ["type": "choice", "instructions": "Which?", "criteria": ["x": "the first", "y": .null]],
                    "s": ["type": "score", "instructions": "How?", "criteria": ["bad", "good"]],
                ],
            ])
        #expect(decoded.ignoredParameters.names == ["extra"])
        #expect(decoded.decision.questions.map(\.labels) == [["true", "false"], ["x", "y"], ["bad", "good"]])
        #expect(decoded.decision.questions[0].text?.contains("- true: wet\n- false\n") == true)
        #expect(decoded.decision.conversation.messages.last?.content?.first == "Input:\n{\"a\":1}\n")
        let answers = decoded.response(result([[0.25, 0.75], [0.5, 0.5], [0.25, 0.75]]))["answers"]
        #expect(answers?["p"] == ["type": "noul", "noul": 0.25])
        #expect(answers?["c"] == ["type": "choice", "choice": "x", "probabilities": ["x": 0.5, "y": 0.5], "confidence": 0.5])
        #expect(
            answers?["s"] == [
                "type": "score", "score": 0.75, "legend": ["0": "bad", "1": "good"], "probabilities": ["0": 0.25, "1": 0.75],
                "confidence": 0.75,
            ])
    }

    @Test func mistakesInSystemOnesForm() {
        func problem(_ question: JSON, _ fields: JSONObject = [:]) -> String? {
            var object: JSONObject = ["model": "m", "state": "s", "questions": ["q": question]]
            for (name, value) in fields { object[name] = value }
            do {
                _ = try DecisionsRequest(systemOne: .object(object))
                return nil
            } catch {
                return "\(error.code ?? "-") \(error.param ?? "-")"
            }
        }
        let predicate: JSON = ["type": "noul", "instructions": "a"]
        #expect(problem(predicate) == nil)
        #expect(problem(predicate, ["images": []]) == nil)
        #expect(problem(predicate, ["images": ["x"]]) == "unsupported_parameter images")
        #expect(problem(predicate, ["state": 5]) == "invalid_type state")
        #expect(problem(predicate, ["questions": [:]]) == "invalid_value questions")
        #expect(problem(["type": "predicate", "instructions": "a"]) == "invalid_value questions.q.type")
        #expect(problem(["type": "choice", "instructions": "a"]) == "missing_required_parameter questions.q.criteria")
        let levels = JSON.array((0...10).map { .string("\($0)") })
        #expect(problem(["type": "score", "instructions": "a", "criteria": levels]) == "array_above_max_length questions.q.criteria")
        #expect(problem(["type": "score", "instructions": "a", "criteria": ["x", 1]]) == "invalid_type questions.q.criteria[1]")
    }
}
