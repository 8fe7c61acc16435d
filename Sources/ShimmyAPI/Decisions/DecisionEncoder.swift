import ShimmyChat
import ShimmyJSON

/// The encoder of decisions, in OpenAI's format and in that of System One.
enum DecisionEncoder {
    static func openAI(_ questions: [DecisionQuestion], _ result: DecisionResult, model: String) -> JSON {
        let answers = zip(questions, result.probabilities).map { openAI($0, $1) }
        let usage = result.usage
        return [
            "model": .string(model), "answers": .array(answers),
            "usage": [
                "input_tokens": .int(usage.promptTokens),
                "input_tokens_details": [
                    "cached_tokens": .int(usage.cachedPromptTokens), "cache_write_tokens": .int(usage.promptTokens - usage.cachedPromptTokens),
                ],
                "output_tokens": .int(usage.completionTokens), "output_tokens_details": ["reasoning_tokens": .int(usage.reasoningTokens)],
                "total_tokens": .int(usage.promptTokens + usage.completionTokens),
            ],
        ]
    }

    private static func openAI(_ question: DecisionQuestion, _ probabilities: [Double]) -> JSON {
        let best = mostLikely(probabilities)
        var answer: JSONObject = ["type": .string(question.kind.rawValue), "name": question.name.map(JSON.string) ?? .null]
        let rated = zip(question.options, probabilities).enumerated()
        switch question.kind {
        case .predicate: answer["probability"] = .double(probabilities[0])
        case .choice:
            answer["choice"] = question.options[best].value
            answer["confidence"] = .double(probabilities[best])
            answer["probabilities"] = .array(rated.map { ["value": $1.0.value, "probability": .double($1.1)] })
        case .score:
            answer["score"] = .double(expected(probabilities))
            answer["confidence"] = .double(probabilities[best])
            answer["probabilities"] = .array(rated.map { ["value": .int($0), "label": $1.0.value, "probability": .double($1.1)] })
        }
        return .object(answer)
    }

    static func systemOne(_ questions: [DecisionQuestion], _ result: DecisionResult, model: String) -> JSON {
        var answers = JSONObject()
        for (question, probabilities) in zip(questions, result.probabilities) { answers[question.name ?? ""] = systemOne(question, probabilities) }
        let usage = result.usage
        return [
            "model": .string(model), "answers": .object(answers),
            "usage": ["input_tokens": .int(usage.promptTokens), "output_tokens": .int(usage.completionTokens)],
        ]
    }

    private static func systemOne(_ question: DecisionQuestion, _ probabilities: [Double]) -> JSON {
        let best = mostLikely(probabilities)
        switch question.kind {
        case .predicate: return ["type": "noul", "noul": .double(probabilities[0])]
        case .choice:
            return [
                "type": "choice", "choice": question.options[best].value,
                "probabilities": object(zip(question.options, probabilities).map { ($0.label, .double($1)) }),
                "confidence": .double(probabilities[best]),
            ]
        case .score:
            return [
                "type": "score", "score": .double(expected(probabilities)),
                "legend": object(question.options.enumerated().map { ("\($0)", $1.value) }),
                "probabilities": object(probabilities.enumerated().map { ("\($0)", .double($1)) }),
                "confidence": .double(probabilities[best]),
            ]
        }
    }

    private static func object(_ members: [(String, JSON)]) -> JSON {
        var object = JSONObject()
        for (key, value) in members { object[key] = value }
        return .object(object)
    }

    /// Returns the index of the most likely option, the first of equals.
    private static func mostLikely(_ probabilities: [Double]) -> Int {
        probabilities.indices.max { (probabilities[$0], $1) < (probabilities[$1], $0) } ?? 0
    }

    /// Returns the expected value of a level. The lowest level is 0.
    private static func expected(_ probabilities: [Double]) -> Double {
        probabilities.enumerated().reduce(0) { $0 + Double($1.offset) * $1.element }
    }
}
