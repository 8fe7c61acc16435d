import ShimmyChat
import ShimmyJSON

/// The log probabilities of legacy completions: four arrays side by side.
struct LegacyLogprobs: Sendable {
    private struct Entry: Sendable {
        let token: String
        /// Nil for the first token of a text.
        let logprob: Float?
        let top: [TokenProbability.Entry]
        /// Characters before it.
        let offset: Int
    }

    private var entries: [Entry] = []
    /// Characters before the next token.
    private var offset: Int
    /// Of the answer's tokens.
    private var sum = 0.0
    private var count = 0

    init(offset: Int) { self.offset = offset }

    /// Per token of the answer; one without any is told only when there is no other.
    var mean: Double { count == 0 ? -.infinity : sum / Double(count) }

    /// Takes the prompt in; returns its text.
    mutating func append(_ prompt: [PromptToken]) -> String {
        for token in prompt { append(token.bytes, token.probability) }
        return String(decoding: prompt.flatMap(\.bytes), as: UTF8.self)
    }

    mutating func append(_ probabilities: [TokenProbability]) {
        for probability in probabilities {
            append(probability.drawn.bytes, probability)
            sum += Double(probability.drawn.logprob)
            count += 1
        }
    }

    private mutating func append(_ bytes: [UInt8], _ probability: TokenProbability?) {
        // The token itself is told beside the likeliest.
        let top = probability.map { $0.top.contains($0.drawn) ? $0.top : $0.top + [$0.drawn] } ?? []
        entries.append(Entry(token: Self.text(bytes), logprob: probability?.drawn.logprob, top: top, offset: offset))
        // A character that several tokens share is counted with the first.
        offset += bytes.count { $0 & 0xC0 != 0x80 }
    }

    /// What was not told yet.
    mutating func take() -> JSON {
        defer { entries.removeAll() }
        return json
    }

    var json: JSON {
        [
            "tokens": .array(entries.map { .string($0.token) }),
            "token_logprobs": .array(entries.map { $0.logprob.map(Self.number) ?? .null }),
            "top_logprobs": .array(entries.map { $0.logprob == nil ? .null : Self.object($0.top) }),
            "text_offset": .array(entries.map { .int($0.offset) }),
        ]
    }

    /// A token's text is the key.
    private static func object(_ entries: [TokenProbability.Entry]) -> JSON {
        var object: JSONObject = [:]
        for entry in entries where object[text(entry.bytes)] == nil { object[text(entry.bytes)] = number(entry.logprob) }
        return .object(object)
    }

    /// Bytes that are no text by themselves are told as OpenAI does it.
    private static func text(_ bytes: [UInt8]) -> String {
        String(validating: bytes, as: UTF8.self) ?? "bytes:" + bytes.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func number(_ logprob: Float) -> JSON { .double(logprob.isFinite ? Double(logprob) : -9999) }
}
