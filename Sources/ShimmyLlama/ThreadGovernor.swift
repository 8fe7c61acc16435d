/// Chooses how many threads compute: all of them, or one fewer while another program needs a core.
///
/// ggml's threads meet at a barrier after each operation of a graph, hundreds of times in a step. When one of them has lost its core to
/// another program, all the others spin until the system gives it back: a step then takes several times as long, and one thread fewer is
/// much faster than all. Nobody tells us of that; but it shows in the time of steps that do nothing but decode, which are all alike.
package struct ThreadGovernor: Sendable {
    private enum Phase {
        /// All threads. How many steps in a row were slow, and how slow together.
        case all(slow: Int, sum: Double)
        /// One fewer, on trial against the mean slowness of all.
        case trial(against: Double, steps: Int, sum: Double)
        /// One fewer, for so many steps; then all are tried again.
        case fewer(left: Int)
        /// All, though slow: fewer did not help. For so many steps nothing is tried.
        case resigned(left: Int)
    }

    private let most: Int
    private var phase = Phase.all(slow: 0, sum: 0)
    /// The seconds that a step of so many rows takes when nobody disturbs it.
    private var calm: [Int: Double] = [:]

    private static let slowness = 1.8
    private static let evidence = 8
    private static let rest = 200

    /// - most: threads when nothing else runs.
    package init(most: Int) { self.most = most }

    package var threads: Int {
        switch phase {
        case .all, .resigned: most
        case .trial, .fewer: max(1, most - 1)
        }
    }

    /// - rows: streams of a step that did nothing but decode.
    package mutating func didStep(rows: Int, seconds: Double) {
        guard most > 1 else { return }
        let expected = calm[rows] ?? seconds
        let slowness = seconds / expected
        switch phase {
        case .all(let slow, let sum):
            // Contexts grow and steps with them: what is calm drifts upwards, and falls at once.
            calm[rows] = min(seconds, expected * 1.002)
            if slowness < Self.slowness {
                phase = .all(slow: 0, sum: 0)
            } else if slow + 1 < Self.evidence {
                phase = .all(slow: slow + 1, sum: sum + slowness)
            } else {
                phase = .trial(against: (sum + slowness) / Double(Self.evidence), steps: 0, sum: 0)
            }
        case .trial(let against, let steps, let sum):
            if steps + 1 < Self.evidence {
                phase = .trial(against: against, steps: steps + 1, sum: sum + slowness)
            } else {
                let mean = (sum + slowness) / Double(Self.evidence)
                phase = mean < 0.8 * against ? .fewer(left: Self.rest) : .resigned(left: Self.rest)
            }
        case .fewer(let left): phase = left > 1 ? .fewer(left: left - 1) : .all(slow: 0, sum: 0)
        case .resigned(let left): phase = left > 1 ? .resigned(left: left - 1) : .all(slow: 0, sum: 0)
        }
    }
}
