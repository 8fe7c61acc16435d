package import ShimmyJSON

/// The answer to a request for decisions, as a server and the process that runs its model exchange it.
package enum DecisionOutcome: Sendable, Equatable {
    case result(DecisionResult)
    /// See `GenerationError.badLabel`.
    case badLabel(question: Int, label: Int?, String)

    private static let mostTokens = 1 << 40

    package var json: JSON {
        switch self {
        case .result(let result):
            let usage = result.usage
            return [
                "probabilities": .array(result.probabilities.map { .array($0.map(JSON.double)) }),
                "usage": ["prompt_tokens": .int(usage.promptTokens), "cached_tokens": .int(usage.cachedPromptTokens)],
            ]
        case .badLabel(let question, let label, let reason):
            return ["bad_label": ["question": .int(question), "label": label.map(JSON.int) ?? .null, "reason": .string(reason)]]
        }
    }

    /// Reads an answer; nil if it is not one to the request.
    package init?(_ json: JSON, of request: DecisionRequest) {
        if let bad = json["bad_label"] {
            guard let question = bad["question"]?.intValue, request.questions.indices.contains(question),
                let reason = bad["reason"]?.stringValue
            else { return nil }
            let label = bad["label"]?.intValue
            if let label, !request.questions[question].labels.indices.contains(label) { return nil }
            self = .badLabel(question: question, label: label, reason)
            return
        }
        guard let rows = json["probabilities"]?.arrayValue, rows.count == request.questions.count else { return nil }
        var probabilities: [[Double]] = []
        for (row, question) in zip(rows, request.questions) {
            let numbers = (row.arrayValue ?? []).compactMap(\.doubleValue)
            // Sums of rounded numbers can be slightly more than 1.
            guard numbers.count == question.labels.count, numbers.allSatisfy({ $0 >= 0 && $0 <= 1.000_001 }) else { return nil }
            probabilities.append(numbers)
        }
        func count(_ name: String) -> Int { min(max(0, json["usage"]?[name]?.intValue ?? 0), Self.mostTokens) }
        let usage = Usage(promptTokens: count("prompt_tokens"), cachedPromptTokens: count("cached_tokens"), completionTokens: 0)
        self = .result(DecisionResult(probabilities: probabilities, usage: usage))
    }
}

extension DecisionRequest {
    /// The fields of the request as the process that runs the model reads them. Media is left out.
    package var fields: JSONObject {
        [
            "messages": .array(conversation.messages.map(\.json)),
            "questions": .array(
                questions.map { question -> JSON in
                    [
                        "text": question.text.map(JSON.string) ?? .null, "labels": .array(question.labels.map(JSON.string)),
                        "lead": .string(question.lead),
                    ]
                }),
        ]
    }
}
