import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import Testing

@Suite struct ModerationTests {
    private func problem(_ input: JSON) -> String? {
        do {
            _ = try ModerationsRequest(["input": input])
            return nil
        } catch {
            return "\(error.code ?? "-") \(error.param ?? "-")"
        }
    }

    private func result(_ probabilities: [[Double]]) -> DecisionResult {
        DecisionResult(probabilities: probabilities, usage: Usage(promptTokens: 1, cachedPromptTokens: 0, completionTokens: 0))
    }

    @Test func inputsOfModeration() throws {
        #expect(try ModerationsRequest(["input": "a"]).texts == ["a"])
        #expect(try ModerationsRequest(["input": ["a", "b"]]).texts == ["a", "b"])
        #expect(try ModerationsRequest(["input": [["type": "text", "text": "a"], ["type": "text", "text": "b"]]]).texts == ["a\nb"])
        #expect(problem([["type": "text", "text": "a"], ["type": "image_url", "image_url": ["url": "u"]]]) == "unsupported_value input[1].type")
        #expect(problem([["type": "sound"]]) == "invalid_value input[0].type")
        #expect(problem(["a", 1]) == "invalid_type input[1]")
        #expect(problem([]) == "empty_array input")
        #expect(problem(1) == "invalid_type input")
        #expect(problem(JSON.array(Array(repeating: "a", count: 129))) == "array_above_max_length input")
    }

    @Test func aChatModelRatesEachCategory() throws {
        let method = ModerationMethod(template: "{{ messages }}")
        let requests = method.requests(for: "some text")
        #expect(requests.count == 1 && requests[0].questions.count == ModerationCategory.allCases.count)
        #expect(requests[0].conversation.messages.last?.texts.first?.contains("some text") == true)
        let probabilities = ModerationCategory.allCases.indices.map { [Double($0) / 100, 1 - Double($0) / 100] }
        #expect(method.scores([result(probabilities)]) == probabilities.map { $0[0] })
    }

    @Test func theResponseHasAllCategories() throws {
        var scores = [Double](repeating: 0.1, count: ModerationCategory.allCases.count)
        scores[ModerationCategory.allCases.firstIndex(of: .sexualMinors) ?? 0] = 0.5
        let response = try ModerationsRequest(["input": "a"]).response([scores], model: "m")
        #expect(response["model"] == "m" && response["id"]?.stringValue?.hasPrefix("modr-") == true)
        let rated = response["results"]?[0]
        #expect(rated?["flagged"] == true)
        #expect(rated?["categories"]?["sexual/minors"] == true && rated?["categories"]?["violence"] == false)
        #expect(rated?["category_scores"]?["sexual/minors"] == 0.5 && rated?["category_scores"]?["violence/graphic"] == 0.1)
        #expect(rated?["category_applied_input_types"]?["hate"] == ["text"])
        #expect(rated?["categories"]?.objectValue?.count == 13)
    }

    // MARK: Guard models

    private func score(_ category: ModerationCategory, _ scores: [Double]) -> Double {
        scores[ModerationCategory.allCases.firstIndex(of: category) ?? 0]
    }

    @Test func llamaGuardAnswersWithCodes() {
        let method = ModerationMethod(template: "<BEGIN UNSAFE CONTENT CATEGORIES>\nS1: Violent Crimes.\nS9: Indiscriminate Weapons.")
        let requests = method.requests(for: "text")
        #expect(requests.count == 1 && requests[0].conversation.messages == [ChatMessage(.user, "text")])
        let question = requests[0].questions[0]
        #expect(question.text == nil && question.lead == "\n\n")
        #expect(question.labels.first == "safe" && question.labels.last == "unsafe\nS14" && question.labels.count == 15)
        var probabilities = [Double](repeating: 0, count: 15)
        (probabilities[0], probabilities[3], probabilities[4], probabilities[12]) = (0.25, 0.125, 0.125, 0.5)
        let scores = method.scores([result([probabilities])])
        #expect(score(.sexual, scores) == 0.75 && score(.sexualMinors, scores) == 0.125 && score(.violence, scores) == 0)
    }

    @Test func shieldGemmaIsAskedOnceForEachGuideline() {
        let method = ModerationMethod(template: "You are a policy expert … {{ guideline }}")
        let requests = method.requests(for: "text")
        #expect(requests.count == 4 && requests.allSatisfy { $0.questions[0].labels == ["Yes", "No"] })
        #expect(Set(requests.compactMap { $0.conversation.templateArguments["guideline"]?.stringValue }).count == 4)
        let scores = method.scores([[0.5, 0.5], [0.25, 0.75], [0.125, 0.875], [0.75, 0.25]].map { result([$0]) })
        #expect(score(.illicit, scores) == 0.5 && score(.harassment, scores) == 0.25)
        #expect(score(.hate, scores) == 0.125 && score(.sexual, scores) == 0.75)
    }

    @Test func graniteGuardianIsAskedForEachRisk() {
        let requests = ModerationMethod(template: "{{ guardian_config['risk_name'] }}").requests(for: "text")
        #expect(requests.first?.conversation.templateArguments["guardian_config"] == ["risk_name": "violence"])
    }

    @Test func newerGraniteGuardiansAnswerWithScores() {
        let method = ModerationMethod(template: "{{ guardian_config['criteria_id'] }} {{ guardian_config['risk_name'] }} {{ think }}")
        let requests = method.requests(for: "text")
        #expect(requests.first?.conversation.templateArguments == ["guardian_config": ["criteria_id": "violence"], "think": false])
        let labels = requests[0].questions[0].labels
        #expect(labels == ["<score> yes </score>", "<score>yes</score>", "<score> no </score>", "<score>no</score>"])
        let none = result([[0, 0, 1, 0]])
        let scores = method.scores([result([[0.5, 0.25, 0.125, 0.125]])] + Array(repeating: none, count: requests.count - 1))
        #expect(score(.violence, scores) == 0.75 && score(.hate, scores) == 0)
    }

    @Test func llamaGuard4HasTheSameCodes() {
        let template = """
            {%- set categories = {'S1': 'Violent Crimes', 'S9': 'Indiscriminate Weapons', 'S14': 'Code Interpreter Abuse'} -%}
            <BEGIN UNSAFE CONTENT CATEGORIES>{{ excluded_category_keys }}<|header_start|>assistant<|header_end|>
            """
        #expect(ModerationMethod(template: template).requests(for: "text")[0].questions[0].labels.contains("unsafe\nS14"))
    }

    @Test func qwenGuardsControversialVerdictsDoNotCount() {
        let method = ModerationMethod(template: "Non-violent Illegal Acts … Safety: … Categories: …")
        let labels = method.requests(for: "text")[0].questions[0].labels
        var probabilities = [Double](repeating: 0, count: labels.count)
        probabilities[labels.firstIndex(of: "Safety: Unsafe\nCategories: Violent") ?? 0] = 0.25
        probabilities[labels.firstIndex(of: "Safety: Controversial\nCategories: Violent") ?? 0] = 0.5
        #expect(score(.violence, method.scores([result([probabilities])])) == 0.25)
    }
}
