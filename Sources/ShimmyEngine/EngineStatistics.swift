import Synchronization

/// What an engine is doing, for people and for tests.
package struct EngineStatistics: Sendable, Equatable {
    package var running = 0
    package var waiting = 0
    package var cellsUsed = 0
    package var cellsTotal = 0
    /// Sequences that can run at once.
    package var runningLimit = 0
    /// Places of the queue that are taken: sequences that were submitted, do not run and have not ended.
    package var queued = 0
    package var queueLimit = 0
    /// Slots that hold tokens, of running sequences and of idle prefixes.
    package var slotsUsed = 0
    package var slotsTotal = 0
    package var faults = EngineFaults()
    package var steps = 0
    /// Rows of all steps: prefill, decode and guesses.
    package var tokensComputed = 0
    package var counters = SchedulerCounters()
    /// Seconds of the last step.
    package var stepSeconds = 0.0
    /// Seconds of all steps, and how many of those the model itself took.
    package var (totalSeconds, modelSeconds) = (0.0, 0.0)
    /// Of the time of all steps, the part that was not the model's: sampling and bookkeeping. 0 to 1.
    package var overhead: Double { totalSeconds > 0 ? max(0, 1 - modelSeconds / totalSeconds) : 0 }
    /// Whether sequences share any common prefix, or only where there are checkpoints.
    package var sharesAnyPrefix = true
    /// Prompt tokens that were read from the disk.
    package var restoredTokens = 0
    /// What is running, oldest first, then what waits.
    package var sequences: [SequenceStatus] = []

    package init() {}
}

/// Errors that the engine survived. All of them are logged.
package struct EngineFaults: Sendable, Equatable {
    /// Sequences that ended with an error, for whatever reason.
    package var failedSequences = 0
    /// Runs of the model that failed, retries included.
    package var failedRuns = 0
    /// Chunks that were planned beyond the runner's limits. Always 0 unless the scheduler has a bug.
    package var refusedChunks = 0
    /// Times that the idle scheduler's books did not add up and the cache was emptied. Always 0 unless the scheduler has a bug.
    package var inconsistencies = 0

    package init() {}
}

/// One sequence as it is seen from outside.
package struct SequenceStatus: Sendable, Equatable {
    package enum Stage: String, Sendable { case waiting, prefill, decode }

    package var id: UInt64
    package var stage: Stage
    package var slot: Int?
    package var promptTokens: Int
    package var cachedPromptTokens: Int
    /// Known tokens whose cells are there.
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

/// What the engine's thread publishes for everybody else, and the bound on what is submitted to it.
final class SharedStatistics: Sendable {
    private struct State {
        var statistics = EngineStatistics()
        /// Of sequences that were submitted and have not ended.
        var places = QueuePlaces()
        var lastEnd: ContinuousClock.Instant?
        /// Seconds between two ends, lately.
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

    // MARK: The queue's bound

    /// Takes places in the queue, all or none.
    /// - kept: how many of the places are for owners that have none yet.
    func enter(_ count: Int, for owner: Owner, limit: Int, kept: Int) throws(QueueFull) {
        let wait = state.withLock { state -> Double? in
            let missing = state.places.take(count, for: owner, limit: limit, kept: kept)
            return missing == 0 ? nil : state.endInterval * Double(missing)
        }
        if let wait { throw QueueFull(retryAfter: Int(min(60, max(1, wait.rounded(.up))))) }
    }

    /// Sequences ended.
    func leave(_ count: Int = 1, of owner: Owner) {
        let now = ContinuousClock.now
        state.withLock { state in
            state.places.giveBack(count, of: owner)
            if let last = state.lastEnd { state.endInterval += 0.2 * ((now - last) / .seconds(1) - state.endInterval) }
            // Rest is no sign of slowness.
            state.lastEnd = state.places.isEmpty ? nil : now
        }
    }

    // MARK: What the engine tells

    /// Says how large the engine is.
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
