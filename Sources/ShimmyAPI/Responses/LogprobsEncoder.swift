import ShimmyChat
import ShimmyJSON

/// The encoder of log probabilities: an object for chat completions, or only its list, for responses.
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

    /// Returns one entry. `token` is text, with U+FFFD in place of bytes that are not UTF-8 text by themselves; `bytes` contains the bytes unchanged.
    static func entry(_ entry: TokenProbability.Entry) -> JSONObject {
        [
            "token": .string(String(decoding: entry.bytes, as: UTF8.self)),
            // An impossible token has no finite logarithm; OpenAI writes this number for it.
            "logprob": .double(entry.logprob.isFinite ? Double(entry.logprob) : -9999),
            "bytes": .array(entry.bytes.map { .int(Int($0)) }),
        ]
    }
}
