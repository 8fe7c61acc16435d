import ShimmyChat
import ShimmyJSON

/// Reads the log probabilities of an upstream's tokens.
enum LogprobsReader {
    /// Returns those of a chat completion: `logprobs.content`.
    static func entries(_ json: JSON?) -> [TokenProbability] {
        guard let elements = json?.arrayValue else { return [] }
        return elements.prefix(UpstreamLimits.heldProbabilities).map { element in
            let top = (element["top_logprobs"]?.arrayValue ?? []).prefix(UpstreamLimits.alternatives).map(entry)
            return TokenProbability(drawn: entry(element), top: top)
        }
    }

    private static func entry(_ json: JSON) -> TokenProbability.Entry {
        let bytes = json["bytes"]?.arrayValue?.compactMap { $0.intValue.flatMap { UInt8(exactly: $0) } }
        let text = Array((json["token"]?.stringValue ?? "").utf8)
        return TokenProbability.Entry(bytes: bytes ?? text, logprob: WireJSON.logprob(json["logprob"]))
    }

    /// Returns those of a text completion: parallel arrays.
    static func legacy(_ json: JSON?) -> [TokenProbability] {
        guard let json, let tokens = json["tokens"]?.arrayValue else { return entries(json?["content"]) }
        let (logprobs, tops) = (json["token_logprobs"], json["top_logprobs"])
        return tokens.prefix(UpstreamLimits.heldProbabilities).enumerated().map { index, token in
            let drawn = TokenProbability.Entry(bytes: bytes(token.stringValue ?? ""), logprob: WireJSON.logprob(logprobs?[index]))
            let members = tops?[index]?.objectValue ?? [:]
            let top = members.prefix(UpstreamLimits.alternatives).map {
                TokenProbability.Entry(bytes: bytes($0.key), logprob: WireJSON.logprob($0.value))
            }
            return TokenProbability(drawn: drawn, top: top.sorted { $0.logprob > $1.logprob })
        }
    }

    /// Returns the bytes of a token's text. OpenAI writes bytes that are not text as `bytes:\xe2\x82`.
    private static func bytes(_ text: String) -> [UInt8] {
        guard text.hasPrefix("bytes:\\x") else { return Array(text.utf8) }
        let values = text.dropFirst(6).split(separator: "\\x").map { UInt8($0, radix: 16) }
        return values.contains(nil) ? Array(text.utf8) : values.compactMap { $0 }
    }
}
