package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The response format of legacy completions. The whole answer and its chunks have the same shape.
package struct CompletionDialect: AnswerDialect {
    private struct Choice: Sendable {
        var text: String
        var logprobs: LegacyLogprobs
    }

    private let envelope: JSONObject
    private let includeUsage: Bool
    private let tellsLogprobs: Bool
    /// The number of choices per prompt that the client receives, and the number that is generated.
    private let told: (count: Int, made: Int)
    private var choices: [Choice]

    /// - created: the Unix time in seconds.
    /// - echoes: the text that each choice starts with.
    /// - told: the number of choices per prompt that the client receives, out of the number that is generated: the most likely ones.
    package init(
        id: String, created: Int, model: String, fingerprint: String, includeUsage: Bool, tellsLogprobs: Bool, echoes: [String],
        told: (Int, of: Int) = (1, of: 1)
    ) {
        envelope = [
            "id": .string(id), "object": "text_completion", "created": .int(created), "model": .string(model),
            "system_fingerprint": .string(fingerprint),
        ]
        self.includeUsage = includeUsage
        self.tellsLogprobs = tellsLogprobs
        self.told = (told.0, told.of)
        choices = echoes.map { Choice(text: $0, logprobs: LegacyLogprobs(offset: $0.unicodeScalars.count)) }
    }

    package static func newID() -> String { "cmpl-" + RandomID.make() }

    // MARK: Chunks

    package func firstChunks() -> [JSON] {
        choices.enumerated().filter { !$0.element.text.isEmpty }.map { chunk($0.offset, text: $0.element.text, logprobs: .null, reason: nil) }
    }

    package mutating func chunk(_ prompt: [PromptToken], choice: Int) -> JSON? {
        let text = choices[choice].logprobs.append(prompt)
        return chunk(choice, text: text, logprobs: choices[choice].logprobs.take(), reason: nil)
    }

    package mutating func chunk(_ delta: AnswerDelta, choice: Int) -> JSON? {
        guard case .content(let text, let probabilities) = delta else { return nil }
        choices[choice].logprobs.append(probabilities)
        return chunk(choice, text: text, logprobs: tellsLogprobs ? choices[choice].logprobs.take() : .null, reason: nil)
    }

    package func lastChunk(_ reason: FinishReason, choice: Int) -> JSON { chunk(choice, text: "", logprobs: .null, reason: reason) }

    package func usageChunk(_ usage: Usage) -> JSON? {
        guard includeUsage else { return nil }
        var object = envelope
        object["choices"] = []
        object["usage"] = usage.openAI
        return .object(object)
    }

    private func chunk(_ index: Int, text: String, logprobs: JSON, reason: FinishReason?) -> JSON {
        var object = envelope
        object["choices"] = [Self.choice(index, text, logprobs, reason)]
        if includeUsage { object["usage"] = .null }
        return .object(object)
    }

    // MARK: Whole

    package mutating func keep(_ prompt: [PromptToken], choice: Int) { choices[choice].text += choices[choice].logprobs.append(prompt) }

    package mutating func keep(_ delta: AnswerDelta, choice: Int) {
        guard case .content(let text, let probabilities) = delta else { return }
        choices[choice].text += text
        choices[choice].logprobs.append(probabilities)
    }

    package func whole(_ reasons: [FinishReason], usage: Usage) -> JSON {
        var object = envelope
        object["choices"] = .array(
            best.enumerated().map { index, place in
                let logprobs = tellsLogprobs ? choices[place].logprobs.json : .null
                return Self.choice(index, choices[place].text, logprobs, reasons[place])
            })
        object["usage"] = usage.openAI
        return .object(object)
    }

    /// The indices of the choices to return. For each prompt, these are the choices with the highest log probability per token, the most likely
    /// first; if all choices are returned, they keep their order.
    private var best: [Int] {
        guard told.count < told.made else { return Array(choices.indices) }
        return stride(from: 0, to: choices.count, by: told.made).flatMap { first in
            let order = (first..<first + told.made).sorted {
                (choices[$1].logprobs.mean, $0) < (choices[$0].logprobs.mean, $1)
            }
            return order.prefix(told.count)
        }
    }

    private static func choice(_ index: Int, _ text: String, _ logprobs: JSON, _ reason: FinishReason?) -> JSON {
        [
            "text": .string(text), "index": .int(index), "logprobs": logprobs,
            "finish_reason": reason.map { $0 == .length ? "length" : "stop" } ?? .null,
        ]
    }
}
