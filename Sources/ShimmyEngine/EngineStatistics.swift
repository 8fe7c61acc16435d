import Synchronization

/// A snapshot of an engine's state, for users and for tests.
package struct EngineStatistics: Sendable, Equatable {
    package var running = 0
    package var waiting = 0
    package var cellsUsed = 0
    package var cellsTotal = 0
    /// The max number of sequences that run at once.
    package var runningLimit = 0
    /// The number of taken places in the queue: sequences that were submitted, do not run and have not ended.
    package var queued = 0
    package var queueLimit = 0
    /// The number of slots that contain tokens, of running sequences and of idle prefixes.
    package var slotsUsed = 0
    package var slotsTotal = 0
    package var faults = EngineFaults()
    package var steps = 0
    /// The number of rows of all steps: prefill, decode and drafts.
    package var tokensComputed = 0
    package var counters = SchedulerCounters()
    /// The seconds that the last step took.
    package var stepSeconds = 0.0
    /// The seconds of all steps, and how many of those the model itself took.
    package var (totalSeconds, modelSeconds) = (0.0, 0.0)
    /// The part of the time of all steps that was not the model's: sampling and bookkeeping. 0 to 1.
    package var overhead: Double { totalSeconds > 0 ? max(0, 1 - modelSeconds / totalSeconds) : 0 }
    /// Whether sequences share any common prefix, rather than only checkpoints.
    package var sharesAnyPrefix = true
    /// The number of prompt tokens that were restored from the disk.
    package var restoredTokens = 0
    /// The running sequences, oldest first, then the first 64 waiting ones.
    package var sequences: [SequenceStatus] = []

    package init() {}
}

/// The numbers of errors that the engine survived. All of them are logged.
package struct EngineFaults: Sendable, Equatable {
    /// The number of sequences that ended with an error, for whatever reason.
    package var failedSequences = 0
    /// The number of failed runs of the model, including retries.
    package var failedRuns = 0
    /// The number of chunks that were planned beyond the runner's limits. Always 0 unless the scheduler has a bug.
    package var refusedChunks = 0
    /// The number of times that the idle scheduler's bookkeeping was inconsistent and the cache was emptied. Always 0 unless the scheduler has a
    /// bug.
    package var inconsistencies = 0

    package init() {}
}

/// The status of one sequence, as reported to users.
package struct SequenceStatus: Sendable, Equatable {
    package enum Stage: String, Sendable { case waiting, prefill, decode }

    package var id: UInt64
    package var stage: Stage
    package var slot: Int?
    package var promptTokens: Int
    package var cachedPromptTokens: Int
    /// The number of known tokens whose cells are in the cache.
    package var computedTokens: Int
    package var generatedTokens: Int
    package var isFlex: Bool
}

extension SequenceStatus {
    init(_ sequence: SequenceState) {
        id = sequence.id.rawValue
        stage = sequence.slot == nil ? .waiting : sequence.isDecoding ? .decode : .prefill
        slot = sequence.slot
        promptTokens = sequence.promptCount
        cachedPromptTokens = sequence.cachedPromptTokens ?? 0
        computedTokens = sequence.computed
        generatedTokens = sequence.generatedCount
        isFlex = sequence.isFlex
    }
}

/// The statistics that the engine's thread publishes to all other threads, and the limit on submitted sequences.
final class SharedStatistics: Sendable {
    private struct State {
        var statistics = EngineStatistics()
        /// The places of sequences that were submitted and have not ended.
        var places = QueuePlaces()
        var lastEnd: ContinuousClock.Instant?
        /// The recent average of the seconds between two ends.
        var endInterval = 1.0
        var ended = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var statistics: EngineStatistics {
        state.withLock { state in
            var statistics = state.statistics
            statistics.queued = max(0, state.places.count - statistics.running)
            return statistics
        }
    }

    // MARK: The queue's limit

    /// Takes places in the queue, all or none. Throws `QueueFull`.
    /// - kept: how many of the places are reserved for owners without a place.
    func enter(_ count: Int, for owner: Owner, limit: Int, kept: Int) throws(QueueFull) {
        let wait = state.withLock { state -> Double? in
            let missing = state.places.take(count, for: owner, limit: limit, kept: kept)
            return missing == 0 ? nil : state.endInterval * Double(missing)
        }
        if let wait { throw QueueFull(retryAfter: Int(min(60, max(1, wait.rounded(.up))))) }
    }

    /// Gives back the places of sequences that ended.
    func leave(_ count: Int = 1, of owner: Owner) {
        let now = ContinuousClock.now
        state.withLock { state in
            state.places.giveBack(count, of: owner)
            if let last = state.lastEnd { state.endInterval += 0.2 * ((now - last) / .seconds(1) - state.endInterval) }
            // Idle time must not count as slowness.
            state.lastEnd = state.places.isEmpty ? nil : now
        }
    }

    // MARK: Published by the engine

    /// Publishes the limits of the engine.
    func setLimits(_ limits: RunnerLimits, queue: Int) {
        state.withLock {
            $0.statistics.runningLimit = limits.running
            $0.statistics.queueLimit = queue
            $0.statistics.cellsTotal = limits.cells
            $0.statistics.slotsTotal = limits.slots
            $0.statistics.sharesAnyPrefix = limits.canRewind
        }
    }

    func count(_ change: (inout EngineFaults) -> Void) { state.withLock { change(&$0.statistics.faults) } }

    func publish(_ scheduler: borrowing Scheduler) {
        let sequences = scheduler.running.map(SequenceStatus.init) + scheduler.waiting.prefix(64).map(SequenceStatus.init)
        let (running, waiting, cells, slots) = (scheduler.runningCount, scheduler.waitingCount, scheduler.cellsUsed, scheduler.slotsUsed)
        let counters = scheduler.counters
        state.withLock {
            $0.statistics.running = running
            $0.statistics.waiting = waiting
            $0.statistics.cellsUsed = cells
            $0.statistics.slotsUsed = slots
            $0.statistics.counters = counters
            $0.statistics.sequences = sequences
        }
    }

    func countStep(tokens: Int, seconds: Double, modelSeconds: Double) {
        state.withLock {
            $0.statistics.steps += 1
            $0.statistics.tokensComputed += tokens
            $0.statistics.stepSeconds = seconds
            $0.statistics.totalSeconds += seconds
            $0.statistics.modelSeconds += modelSeconds
        }
    }

    func countRestored(tokens: Int) { state.withLock { $0.statistics.restoredTokens += tokens } }

    func threadEnded() {
        let waiters = state.withLock { state in
            state.ended = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func waitForThreadEnd() async {
        await withCheckedContinuation { continuation in
            let ended = state.withLock { state in
                if !state.ended { state.waiters.append(continuation) }
                return state.ended
            }
            if ended { continuation.resume() }
        }
    }
}
