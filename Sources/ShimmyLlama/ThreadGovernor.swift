/// Chooses how many threads compute: all of them, or one fewer while another program needs a core.
///
/// ggml's threads meet at a barrier after each operation of a graph, hundreds of times in a step. When one of them has lost its core to
/// another program, all the others spin until the system gives it back: a step then takes several times as long, and one thread fewer is
/// much faster than all. Nobody tells us of that; but it shows in the time of steps that do nothing but decode, which are all alike.
package struct ThreadGovernor: Sendable {
    private enum Phase {
        /// All threads, watched. How many steps in a row were slow, and how slow together.
        case all(slow: Int, sum: Double)
        /// All threads or one fewer for some steps, against the mean slowness of the other; nil where the other comes next.
        case trial(fewer: Bool, against: Double?, steps: Int, sum: Double)
        /// One fewer, for so many steps; then all are tried again. How slow they were together.
        case fewer(left: Int, sum: Double)
        /// All, though slow: fewer did not help. For so many steps nothing is tried.
        case resigned(left: Int)
    }

    private let most: Int
    /// It begins with a comparison: another program may have been there first, and then no step was ever calm.
    private var phase = Phase.trial(fewer: false, against: nil, steps: 0, sum: 0)
    /// The seconds that a step of so many rows takes with all threads when nobody disturbs it.
    private var calm: [Int: Double] = [:]

    private static let slowness = 1.8
    /// What another number of threads has to be better by.
    private static let gain = 0.8
    private static let evidence = 8
    private static let rest = 200

    /// - most: threads when nothing else runs.
    package init(most: Int) { self.most = most }

    private var isFewer: Bool {
        switch phase {
        case .trial(let fewer, _, _, _): fewer
        case .fewer: true
        case .all, .resigned: false
        }
    }

    private var isComparing: Bool {
        switch phase {
        case .trial(_, let against, _, _): against != nil
        case .fewer: true
        case .all, .resigned: false
        }
    }

    package var threads: Int { isFewer ? max(1, most - 1) : most }

    /// - rows: streams of a step that did nothing but decode.
    package mutating func didStep(rows: Int, seconds: Double) {
        guard most > 1 else { return }
        let expected = calm[rows]
        // Contexts grow and steps with them: what is calm drifts upwards, and falls at once. What is being compared has one measure.
        if !isComparing || expected == nil { calm[rows] = min(seconds, (expected ?? seconds) * 1.002) }
        // The first step of so many rows has nothing to be compared with.
        if let expected { judge(seconds / expected, rows) }
    }

    private mutating func judge(_ slowness: Double, _ rows: Int) {
        switch phase {
        case .all(let slow, let sum):
            if slowness < Self.slowness {
                phase = .all(slow: 0, sum: 0)
            } else if slow + 1 < Self.evidence {
                phase = .all(slow: slow + 1, sum: sum + slowness)
            } else {
                phase = .trial(fewer: true, against: (sum + slowness) / Double(Self.evidence), steps: 0, sum: 0)
            }
        case .trial(let fewer, let against, let steps, let sum):
            if steps + 1 < Self.evidence {
                phase = .trial(fewer: fewer, against: against, steps: steps + 1, sum: sum + slowness)
            } else {
                end(trialOf: fewer, mean: (sum + slowness) / Double(Self.evidence), against: against, rows)
            }
        case .fewer(let left, let sum):
            phase =
                left > 1
                ? .fewer(left: left - 1, sum: sum + slowness)
                : .trial(fewer: false, against: (sum + slowness) / Double(Self.rest), steps: 0, sum: 0)
        case .resigned(let left): phase = left > 1 ? .resigned(left: left - 1) : .all(slow: 0, sum: 0)
        }
    }

    private mutating func end(trialOf fewer: Bool, mean: Double, against: Double?, _ rows: Int) {
        switch (fewer, against) {
        case (false, nil): phase = .trial(fewer: true, against: mean, steps: 0, sum: 0)
        case (false, let against?): phase = against < Self.gain * mean ? .fewer(left: Self.rest, sum: 0) : .all(slow: 0, sum: 0)
        case (true, let against?) where mean < Self.gain * against: phase = .fewer(left: Self.rest, sum: 0)
        case (true, let against?) where against >= Self.slowness:
            phase = .resigned(left: Self.rest)
            // Nothing disturbs, steps are slower by themselves now: contexts have become much longer at once, say.
            calm[rows] = calm[rows].map { $0 * against }
        case (true, _): phase = .all(slow: 0, sum: 0)
        }
    }
}
