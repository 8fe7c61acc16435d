package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// Legacy completions: one shape for the whole and for chunks.
package struct CompletionDialect: AnswerDialect {
    private struct Choice: Sendable {
        var text: String
        var probabilities: [TokenProbability] = []
        /// Characters before the next token, the echoed prompt's included.
        var offset: Int
    }

    private let envelope: JSONObject
    private let includeUsage: Bool
    private let tellsLogprobs: Bool
    private var choices: [Choice]

    /// - created: unix seconds.
    /// - echoes: what each choice begins with.
    package init(
        id: String, created: Int, model: String, fingerprint: String, includeUsage: Bool, tellsLogprobs: Bool, echoes: [String]
    ) {
        envelope = [
            "id": .string(id), "object": "text_completion", "created": .int(created), "model": .string(model),
            "system_fingerprint": .string(fingerprint),
        ]
        self.includeUsage = includeUsage
        self.tellsLogprobs = tellsLogprobs
        choices = echoes.map { Choice(text: $0, offset: $0.unicodeScalars.count) }
    }

    package static func newID() -> String { "cmpl-" + RandomID.make() }

    // MARK: Chunks

    package func firstChunks() -> [JSON] {
        choices.enumerated().filter { !$0.element.text.isEmpty }.map { chunk($0.offset, text: $0.element.text, logprobs: .null, reason: nil) }
    }

    package mutating func chunk(_ delta: AnswerDelta, choice: Int) -> JSON? {
        guard case .content(let text, let probabilities) = delta else { return nil }
        let logprobs = tellsLogprobs ? Self.logprobs(probabilities, from: choices[choice].offset) : .null
        choices[choice].offset += Self.length(probabilities)
        return chunk(choice, text: text, logprobs: logprobs, reason: nil)
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

    package mutating func keep(_ delta: AnswerDelta, choice: Int) {
        guard case .content(let text, let probabilities) = delta else { return }
        choices[choice].text += text
        choices[choice].probabilities += probabilities
    }

    package func whole(_ reasons: [FinishReason], usage: Usage) -> JSON {
        var object = envelope
        object["choices"] = .array(
            zip(choices, reasons).enumerated().map { index, pair in
                let (choice, reason) = pair
                let logprobs = tellsLogprobs ? Self.logprobs(choice.probabilities, from: choice.offset) : .null
                return Self.choice(index, choice.text, logprobs, reason)
            })
        object["usage"] = usage.openAI
        return .object(object)
    }

    private static func choice(_ index: Int, _ text: String, _ logprobs: JSON, _ reason: FinishReason?) -> JSON {
        [
            "text": .string(text), "index": .int(index), "logprobs": logprobs,
            "finish_reason": reason.map { $0 == .length ? "length" : "stop" } ?? .null,
        ]
    }

    // MARK: Log probabilities

    /// Four arrays side by side; `top_logprobs` has a token's text as the key.
    private static func logprobs(_ probabilities: [TokenProbability], from offset: Int) -> JSON {
        var offsets: [JSON] = []
        var next = offset
        for probability in probabilities {
            offsets.append(.int(next))
            next += length([probability])
        }
        return [
            "tokens": .array(probabilities.map { .string(text($0.drawn.bytes)) }),
            "token_logprobs": .array(probabilities.map { number($0.drawn.logprob) }),
            "top_logprobs": .array(
                probabilities.map { probability in
                    var object: JSONObject = [:]
                    for entry in probability.top { object[text(entry.bytes)] = number(entry.logprob) }
                    return .object(object)
                }),
            "text_offset": .array(offsets),
        ]
    }

    /// Bytes that are no text by themselves are told as OpenAI does it.
    private static func text(_ bytes: [UInt8]) -> String {
        String(validating: bytes, as: UTF8.self) ?? "bytes:" + bytes.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func length(_ probabilities: [TokenProbability]) -> Int {
        String(decoding: probabilities.flatMap(\.drawn.bytes), as: UTF8.self).unicodeScalars.count
    }

    private static func number(_ logprob: Float) -> JSON { .double(logprob.isFinite ? Double(logprob) : -9999) }
}
