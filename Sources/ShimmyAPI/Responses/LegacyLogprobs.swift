import ShimmyChat
import ShimmyJSON

/// The log probabilities of legacy completions, encoded as four parallel arrays.
struct LegacyLogprobs: Sendable {
    private struct Entry: Sendable {
        let token: String
        /// The token's log probability; nil for the first token of a text.
        let logprob: Float?
        let top: [TokenProbability.Entry]
        /// The number of characters before the token.
        let offset: Int
    }

    private var entries: [Entry] = []
    /// The number of characters before the next token.
    private var offset: Int
    /// The sum of the log probabilities of the answer's tokens, without the prompt's.
    private var sum = 0.0
    private var count = 0

    init(offset: Int) { self.offset = offset }

    /// The mean log probability per token of the answer; negative infinity for an empty answer, which is therefore chosen last.
    var mean: Double { count == 0 ? -.infinity : sum / Double(count) }

    /// Appends the prompt's tokens and returns their text.
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
        // The list also contains the drawn token, even if it is not among the most likely ones.
        let top = probability.map { $0.top.contains($0.drawn) ? $0.top : $0.top + [$0.drawn] } ?? []
        entries.append(Entry(token: Self.text(bytes), logprob: probability?.drawn.logprob, top: top, offset: offset))
        // A character that spans several tokens counts for the first of them.
        offset += bytes.count { $0 & 0xC0 != 0x80 }
    }

    /// Returns the entries that were not sent yet, and removes them.
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

    /// Returns an object with the tokens' texts as keys.
    private static func object(_ entries: [TokenProbability.Entry]) -> JSON {
        var object: JSONObject = [:]
        for entry in entries where object[text(entry.bytes)] == nil { object[text(entry.bytes)] = number(entry.logprob) }
        return .object(object)
    }

    /// Returns the text of a token. Bytes that are not UTF-8 text by themselves are written as OpenAI writes them: `bytes:` and their values in
    /// hexadecimal.
    private static func text(_ bytes: [UInt8]) -> String {
        String(validating: bytes, as: UTF8.self) ?? "bytes:" + bytes.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func number(_ logprob: Float) -> JSON { .double(logprob.isFinite ? Double(logprob) : -9999) }
}
