import CSampling
import Foundation
import ShimmyCore

/// Functions that compute log probabilities from logits.
enum Logprobs {
    /// Returns the log probability of `token`, and those of the `count` likeliest tokens.
    static func of(_ token: Token, top count: Int, in logits: UnsafeBufferPointer<Float>) -> TokenLogprobs {
        let total = total(of: logits)
        let entries = likeliest(count, in: logits).map { TokenLogprobs.Entry(token: $0, logprob: logits[Int($0)] - total) }
        return TokenLogprobs(drawn: .init(token: token, logprob: logits[Int(token)] - total), top: entries)
    }

    /// Returns the log probability of each of these tokens at one position, without the likeliest tokens.
    static func of(alternatives tokens: [Token], in logits: UnsafeBufferPointer<Float>) -> [TokenLogprobs] {
        let total = total(of: logits)
        return tokens.map { TokenLogprobs(drawn: .init(token: $0, logprob: logits[Int($0)] - total), top: []) }
    }

    /// Returns the logarithm of the sum of the exponentials of all logits.
    private static func total(of logits: UnsafeBufferPointer<Float>) -> Float {
        let greatest = logits[csampling_greatest(logits.baseAddress, logits.count)]
        return greatest + Float(log(csampling_exponentials(logits.baseAddress, logits.count, greatest, 1, nil)))
    }

    /// Returns the likeliest tokens, likeliest first. Of equal ones, the first in the vocabulary comes first.
    private static func likeliest(_ count: Int, in logits: UnsafeBufferPointer<Float>) -> [Token] {
        guard count > 0 else { return [] }
        var best: [Token] = []
        var lowest = -Float.infinity
        for (index, logit) in logits.enumerated() where best.count < count || logit > lowest {
            let rank = best.firstIndex { logits[Int($0)] < logit } ?? best.count
            best.insert(Token(index), at: rank)
            if best.count > count { best.removeLast() }
            lowest = logits[Int(best[best.count - 1])]
        }
        return best
    }
}
