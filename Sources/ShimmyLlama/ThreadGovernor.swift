/// Chooses how many threads compute: all of them, or one fewer while another program needs a core.
///
/// ggml's threads meet at a barrier after each operation of a graph, hundreds of times in a step. When one of them has lost its core to
/// another program, all the others spin until the system gives it back: a step then takes several times as long, and one thread fewer is
/// much faster than all. Nobody tells us of that; but it shows in the time of steps, held against earlier ones of the same kind.
package struct ThreadGovernor: Sendable {
    /// Steps that take about as long as each other, or as long for each row.
    package enum Kind: Hashable, Sendable {
        /// So many streams with one token each: all steps take as long.
        case decode(Int)
        /// Other steps, by the binary logarithm of their rows: each row takes as long.
        case rows(Int)

        /// - streams: streams in the step.
        /// - rows: rows of the step, those of the streams included.
        package init(streams: Int, rows: Int) {
            self = rows == streams ? .decode(streams) : .rows(Int.bitWidth - rows.leadingZeroBitCount)
        }
    }

    /// Steps that were observed together.
    private struct Observation {
        var steps = 0
        /// Of all of them, against calm ones of their kind.
        var slowness = 0.0
        var seconds = 0.0

        var mean: Double { slowness / Double(max(1, steps)) }

        mutating func add(_ slowness: Double, _ seconds: Double) {
            steps += 1
            self.slowness += slowness
            self.seconds += seconds
        }

        /// Whether there are enough steps to conclude from; long ones count for more.
        var isEvidence: Bool { steps >= 8 || (steps >= 3 && seconds >= 1.5) }
        /// Whether it has been long enough for another try.
        /// - patience: how many times as long as the first time.
        func isRest(_ patience: Int = 1) -> Bool { steps >= 200 * patience || (steps >= 20 && seconds >= Double(20 * patience)) }
    }

    private enum Phase {
        /// All threads, watched: the last steps, all of them slow.
        case all(slow: Observation)
        /// All threads or one fewer for some steps, against the mean slowness of the other; nil where the other comes next.
        case trial(fewer: Bool, against: Double?, Observation)
        /// One fewer, for a while; then all are tried again.
        case fewer(Observation)
        /// All, though slow: fewer did not help. For a while nothing is tried.
        case resigned(Observation)
    }

    private let most: Int
    /// It begins with a comparison: another program may have been there first, and then no step was ever calm.
    private var phase = Phase.trial(fewer: false, against: nil, Observation())
    /// The seconds of a step of each kind, or of a row of it, with all threads when nobody disturbs it.
    private var calm: [Kind: Double] = [:]

    /// How long one thread fewer computes; doubles with each try of all threads that stalled, for such a try costs seconds.
    private var patience = 1

    private static let mostPatience = 16
    private static let slowness = 1.8
    /// One step is enough evidence when it is this many times slower than expected and takes at least this many seconds.
    private static let stall = (slowness: 30.0, seconds: 0.5)
    /// What another number of threads has to be better by.
    private static let gain = 0.8
    /// How many times as slow as the other number of threads a trial's first two steps have to be to end it.
    private static let hopeless = 3.0

    /// - most: threads when nothing else runs.
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

    /// - streams: streams in the step.
    /// - rows: rows of the step, those of the streams included.
    /// - seconds: how long the model took.
    package mutating func didStep(streams: Int, rows: Int, seconds: Double) {
        guard most > 1, rows > 0, streams <= rows else { return }
        let kind = Kind(streams: streams, rows: rows)
        let measured = rows == streams ? seconds : seconds / Double(rows)
        let expected = calm[kind]
        // Contexts grow and steps with them: what is calm drifts upwards, and falls at once. What is being compared has one measure.
        if !isComparing || expected == nil { calm[kind] = min(measured, (expected ?? measured) * 1.002) }
        // The first step of a kind has nothing to be compared with.
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
            // Nothing disturbs, steps are slower by themselves now: contexts have become much longer at once, say.
            calm[kind] = calm[kind].map { $0 * against }
        case (true, _): phase = .all(slow: Observation())
        }
    }
}
