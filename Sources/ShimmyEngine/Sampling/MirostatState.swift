import Foundation
import ShimmyCore

/// How surprising the next token may be, from how surprising the last ones were. Surprise is in bits.
struct MirostatState {
    private let settings: Mirostat
    /// The most surprise that is let through.
    private var bound: Float

    /// The likeliest tokens that the first version estimates Zipf's exponent from.
    private static let sampled = 100

    init(_ settings: Mirostat) {
        self.settings = settings
        bound = 2 * settings.target
    }

    /// How many of the likeliest tokens may be drawn.
    /// - probabilities: sorted, greatest first; they sum to 1.
    /// - vocabulary: tokens of the model.
    func kept(of probabilities: [Double], vocabulary: Int) -> Int {
        switch settings.version {
        case .first: min(probabilities.count, max(1, estimatedCount(probabilities, vocabulary)))
        case .second: max(1, probabilities.firstIndex { -log2($0) > Double(bound) } ?? probabilities.count)
        }
    }

    /// - probability: of the drawn token, among those that could be drawn.
    mutating func didDraw(probability: Double) {
        bound -= settings.rate * (Float(-log2(probability)) - settings.target)
    }

    /// Equation 30 of the paper, with the exponent of Zipf's law by least squares over neighbours.
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
