import ShimmyChat
import ShimmyJSON

/// Log probabilities in the shape of chat completions, and their list by itself, which responses have.
enum LogprobsEncoder {
    static func json(_ probabilities: [TokenProbability]) -> JSON { ["content": list(probabilities), "refusal": .null] }

    static func list(_ probabilities: [TokenProbability]) -> JSON {
        .array(
            probabilities.map { probability in
                var object = entry(probability.drawn)
                object["top_logprobs"] = .array(probability.top.map { .object(entry($0)) })
                return .object(object)
            })
    }

    /// `token` is text, with U+FFFD for bytes that are none by themselves; `bytes` has them as they are.
    private static func entry(_ entry: TokenProbability.Entry) -> JSONObject {
        [
            "token": .string(String(decoding: entry.bytes, as: UTF8.self)),
            // What cannot be has no logarithm; OpenAI writes this number.
            "logprob": .double(entry.logprob.isFinite ? Double(entry.logprob) : -9999),
            "bytes": .array(entry.bytes.map { .int(Int($0)) }),
        ]
    }
}
