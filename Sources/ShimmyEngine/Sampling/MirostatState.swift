import Foundation
import ShimmyCore

/// The state of mirostat sampling: how surprising the next token may be, given how surprising the last ones were. Surprise is in bits.
struct MirostatState {
    private let settings: Mirostat
    /// The max surprise of a token that can be drawn.
    private var bound: Float

    /// The number of likeliest tokens from which version 1 estimates Zipf's exponent.
    private static let sampled = 100

    init(_ settings: Mirostat) {
        self.settings = settings
        bound = 2 * settings.target
    }

    /// Returns how many of the likeliest tokens can be drawn.
    /// - probabilities: sorted, greatest first; they sum to 1.
    /// - vocabulary: the number of tokens in the model's vocabulary.
    func kept(of probabilities: [Double], vocabulary: Int) -> Int {
        switch settings.version {
        case .first: min(probabilities.count, max(1, estimatedCount(probabilities, vocabulary)))
        case .second: max(1, probabilities.firstIndex { -log2($0) > Double(bound) } ?? probabilities.count)
        }
    }

    /// Adjusts the bound after a draw.
    /// - probability: the drawn token's probability among the tokens that could be drawn.
    mutating func didDraw(probability: Double) {
        bound -= settings.rate * (Float(-log2(probability)) - settings.target)
    }

    /// Returns the number of tokens by equation 30 of the paper. The exponent of Zipf's law is estimated by least squares over neighboring tokens.
    private func estimatedCount(_ probabilities: [Double], _ vocabulary: Int) -> Int {
        var (products, squares) = (0.0, 0.0)
        for index in 0..<max(0, min(Self.sampled, probabilities.count) - 1) where probabilities[index + 1] > 0 {
            let rank = log(Double(index + 2) / Double(index + 1))
            products += rank * log(probabilities[index] / probabilities[index + 1])
            squares += rank * rank
        }
        guard products > 0 else { return probabilities.count }
        let exponent = products / squares
        let excess = exponent - 1
        let base =
            abs(excess) < 1e-9
            ? pow(2, Double(bound)) / log(Double(vocabulary)) : excess * pow(2, Double(bound)) / (1 - pow(Double(vocabulary), -excess))
        let count = pow(base, 1 / exponent)
        return count.isFinite ? Int(min(count, Double(probabilities.count))) : probabilities.count
    }
}
