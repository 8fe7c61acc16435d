package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The form of legacy completions. The complete answer and its chunks have the same shape.
package struct CompletionDialect: AnswerDialect {
    private struct Choice: Sendable {
        /// The text so far, for the complete answer; of a stream, the text that it begins with.
        var text: String
        var logprobs: LegacyLogprobs
        var reason = FinishReason.stop
    }

    package static let framing = StreamFraming.unnamed

    package private(set) var whole: JSON?
    private let streams: Bool

    private let envelope: JSONObject
    private let includeUsage: Bool
    private let tellsLogprobs: Bool
    /// The number of choices per prompt that the client receives, and the number that is generated.
    private let told: (count: Int, made: Int)
    private var choices: [Choice]

    /// - created: the Unix time in seconds.
    /// - streams: whether chunks are made; otherwise the complete answer is.
    /// - echoes: the text that each choice starts with.
    /// - told: the number of choices per prompt that the client receives, out of the number that is generated: the most likely ones.
    package init(
        id: String, created: Int, model: String, fingerprint: String, streams: Bool, includeUsage: Bool, tellsLogprobs: Bool, echoes: [String],
        told: (Int, of: Int) = (1, of: 1)
    ) {
        envelope = [
            "id": .string(id), "object": "text_completion", "created": .int(created), "model": .string(model),
            "system_fingerprint": .string(fingerprint),
        ]
        self.streams = streams
        self.includeUsage = includeUsage
        self.tellsLogprobs = tellsLogprobs
        self.told = (told.0, told.of)
        choices = echoes.map { Choice(text: $0, logprobs: LegacyLogprobs(offset: $0.unicodeScalars.count)) }
    }

    package static func newID() -> String { "cmpl-" + RandomID.make() }

    package func begin() -> [JSON] {
        guard streams else { return [] }
        return choices.enumerated().filter { !$0.element.text.isEmpty }.map {
            chunk($0.offset, text: $0.element.text, logprobs: .null, reason: nil)
        }
    }

    package mutating func push(_ prompt: [PromptToken], choice: Int) -> [JSON] {
        let text = choices[choice].logprobs.append(prompt)
        if streams { return [chunk(choice, text: text, logprobs: choices[choice].logprobs.take(), reason: nil)] }
        choices[choice].text += text
        return []
    }

    package mutating func push(_ delta: AnswerDelta, choice: Int) -> [JSON] {
        guard case .content(let text, let probabilities) = delta else { return [] }
        choices[choice].logprobs.append(probabilities)
        if streams { return [chunk(choice, text: text, logprobs: tellsLogprobs ? choices[choice].logprobs.take() : .null, reason: nil)] }
        choices[choice].text += text
        return []
    }

    package mutating func push(_ reason: FinishReason, choice: Int) -> [JSON] {
        choices[choice].reason = reason
        return streams ? [chunk(choice, text: "", logprobs: .null, reason: reason)] : []
    }

    package mutating func finish(_ usage: Usage, time: Int) -> [JSON] {
        var object = envelope
        object["usage"] = usage.openAI
        guard streams else {
            object["choices"] = .array(
                best.enumerated().map { index, place in
                    let choice = choices[place]
                    return Self.choice(index, choice.text, tellsLogprobs ? choice.logprobs.json : .null, choice.reason)
                })
            whole = .object(object)
            return []
        }
        object["choices"] = []
        return includeUsage ? [.object(object)] : []
    }

    package mutating func fail(_ error: APIError) -> [JSON] { [error.json] }
    package mutating func cancel() -> [JSON] { [APIError.cancelled.json] }

    private func chunk(_ index: Int, text: String, logprobs: JSON, reason: FinishReason?) -> JSON {
        var object = envelope
        object["choices"] = [Self.choice(index, text, logprobs, reason)]
        if includeUsage { object["usage"] = .null }
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
