/// Chooses the number of compute threads: all of them, or one fewer while another program needs a core.
///
/// ggml's threads meet at a barrier after each operation of a graph, hundreds of times in a step. If one of them loses its core to another program,
/// all the others spin until the system returns it. Such a step takes several times as long, and one thread fewer is much faster than all. The system
/// does not report this, but the duration of a step shows it, compared with earlier steps of the same kind.
package struct ThreadGovernor: Sendable {
    /// Steps with about the same duration, or about the same duration for each row.
    package enum Kind: Hashable, Sendable {
        /// Steps with this many streams and one token for each; every step takes about as long.
        case decode(Int)
        /// Other steps, by the binary logarithm of their number of rows; every row takes about as long.
        case rows(Int)

        /// Returns the kind of a step.
        /// - streams: the number of streams in the step.
        /// - rows: the number of rows in the step, including those of the streams.
        package init(streams: Int, rows: Int) {
            self = rows == streams ? .decode(streams) : .rows(Int.bitWidth - rows.leadingZeroBitCount)
        }
    }

    /// A group of observed steps.
    private struct Observation {
        var steps = 0
        /// The sum of the steps' slowness, which is the duration of a step divided by that of a calm step of its kind.
        var slowness = 0.0
        var seconds = 0.0

        var mean: Double { slowness / Double(max(1, steps)) }

        mutating func add(_ slowness: Double, _ seconds: Double) {
            steps += 1
            self.slowness += slowness
            self.seconds += seconds
        }

        /// Whether there are enough steps for a conclusion. Long steps count more.
        var isEvidence: Bool { steps >= 8 || (steps >= 3 && seconds >= 1.5) }
        /// Returns whether enough time has passed for another trial.
        /// - patience: the factor by which the waiting time exceeds its minimum.
        func isRest(_ patience: Int = 1) -> Bool { steps >= 200 * patience || (steps >= 20 && seconds >= Double(20 * patience)) }
    }

    private enum Phase {
        /// All threads. Contains the most recent steps, as long as all of them are slow.
        case all(slow: Observation)
        /// A trial of all threads, or of one fewer, for some steps. `against` is the mean slowness of the other number; nil if the other number is
        /// tried next.
        case trial(fewer: Bool, against: Double?, Observation)
        /// One thread fewer for a while, before the next trial of all threads.
        case fewer(Observation)
        /// All threads although steps are slow, because one fewer did not help. No trial for a while.
        case resigned(Observation)
    }

    private let most: Int
    /// The initial phase is a comparison. If another program was running first, there has never been a calm step.
    private var phase = Phase.trial(fewer: false, against: nil, Observation())
    /// For each kind, the duration in seconds of a step, or of a row, with all threads and without a disturbance.
    private var calm: [Kind: Double] = [:]

    /// The factor for the time with one thread fewer. Doubles with each trial of all threads that stalls, because such a trial costs seconds.
    private var patience = 1

    private static let mostPatience = 16
    private static let slowness = 1.8
    /// A single step is enough evidence if it is at least this many times as slow as expected and takes at least this many seconds.
    private static let stall = (slowness: 30.0, seconds: 0.5)
    /// The maximum ratio of slowness at which another number of threads counts as better.
    private static let gain = 0.8
    /// A trial ends after two steps if they are more than this many times as slow as the other number of threads.
    private static let hopeless = 3.0

    /// Creates a governor that begins with a trial of all threads.
    /// - most: the number of threads when nothing else runs.
    package init(most: Int) { self.most = most }

    private var isFewer: Bool {
        switch phase {
        case .trial(let fewer, _, _): fewer
        case .fewer: true
        case .all, .resigned: false
        }
    }

    private var isComparing: Bool {
        switch phase {
        case .trial(_, let against, _): against != nil
        case .fewer: true
        case .all, .resigned: false
        }
    }

    package var threads: Int { isFewer ? max(1, most - 1) : most }

    /// Records a step.
    /// - streams: the number of streams in the step.
    /// - rows: the number of rows in the step, including those of the streams.
    /// - seconds: the duration of the model's computation.
    package mutating func didStep(streams: Int, rows: Int, seconds: Double) {
        guard most > 1, rows > 0, streams <= rows else { return }
        let kind = Kind(streams: streams, rows: rows)
        let measured = rows == streams ? seconds : seconds / Double(rows)
        let expected = calm[kind]
        // Steps become slower as contexts grow, so the calm duration drifts up slowly, and drops at once. It is constant during a comparison, so that
        // both sides use the same measure.
        if !isComparing || expected == nil { calm[kind] = min(measured, (expected ?? measured) * 1.002) }
        // The first step of a kind has no expected duration.
        if let expected, expected > 0 { judge(measured / expected, seconds, kind) }
    }

    private mutating func judge(_ slowness: Double, _ seconds: Double, _ kind: Kind) {
        switch phase {
        case .all(var slow):
            if slowness < Self.slowness {
                phase = .all(slow: Observation())
            } else {
                slow.add(slowness, seconds)
                phase = slow.isEvidence || Self.isStall(slowness, seconds) ? .trial(fewer: true, against: slow.mean, Observation()) : .all(slow: slow)
            }
        case .trial(let fewer, let against, var seen):
            seen.add(slowness, seconds)
            let isHopeless = seen.steps >= 2 && against.map { seen.mean > Self.hopeless * $0 } == true
            let stalls = against.map { Self.isStall(slowness / $0, seconds) } == true
            if seen.isEvidence || isHopeless || stalls {
                if !fewer, against != nil { patience = stalls ? min(2 * patience, Self.mostPatience) : 1 }
                end(trialOf: fewer, mean: seen.mean, against: against, kind)
            } else {
                phase = .trial(fewer: fewer, against: against, seen)
            }
        case .fewer(var seen):
            seen.add(slowness, seconds)
            phase = seen.isRest(patience) ? .trial(fewer: false, against: seen.mean, Observation()) : .fewer(seen)
        case .resigned(var seen):
            seen.add(slowness, seconds)
            phase = seen.isRest() ? .all(slow: Observation()) : .resigned(seen)
        }
    }

    private static func isStall(_ slowness: Double, _ seconds: Double) -> Bool { slowness >= stall.slowness && seconds >= stall.seconds }

    private mutating func end(trialOf fewer: Bool, mean: Double, against: Double?, _ kind: Kind) {
        switch (fewer, against) {
        case (false, nil): phase = .trial(fewer: true, against: mean, Observation())
        case (false, let against?): phase = against < Self.gain * mean ? .fewer(Observation()) : .all(slow: Observation())
        case (true, let against?) where mean < Self.gain * against: phase = .fewer(Observation())
        case (true, let against?) where against >= Self.slowness:
            phase = .resigned(Observation())
            // Nothing disturbs: steps are slower by themselves now, for example because contexts have become much longer at once.
            calm[kind] = calm[kind].map { $0 * against }
        case (true, _): phase = .all(slow: Observation())
        }
    }
}
