import Synchronization

/// The statistics that the engine's thread publishes to all other threads, and the limit on submitted sequences.
final class SharedStatistics: Sendable {
    private struct State {
        var statistics = EngineStatistics()
        var queue = QueueAdmission()
        var lastEnd: ContinuousClock.Instant?
        /// The recent average of the seconds between two ends.
        var endInterval = 1.0
        var ended = false
        var waiters: [CheckedContinuation<Void, Never>] = []
        /// Whether the engine was asked for a summary of its cells that it has not published yet.
        var awaitsSummary = false
    }

    private let state = Mutex(State())

    var statistics: EngineStatistics {
        state.withLock { state in
            var statistics = state.statistics
            statistics.queued = max(0, state.queue.count - statistics.running)
            statistics.sequencesByOwner = state.queue.byOwner
            return statistics
        }
    }

    // MARK: The queue's limit

    /// Admits `count` sequences to the queue, all or none. Throws `QueueFull`; see `QueueAdmission.admit`.
    func enter(_ count: Int, of owner: Owner, limit: Int, reserved: Int) throws(QueueFull) {
        let wait = state.withLock { state -> Double? in
            let missing = state.queue.admit(count, of: owner, limit: limit, reserved: reserved)
            return missing == 0 ? nil : state.endInterval * Double(missing)
        }
        if let wait { throw QueueFull(retryAfter: Int(min(60, max(1, wait.rounded(.up))))) }
    }

    /// Removes sequences that ended from the queue.
    func leave(_ count: Int = 1, of owner: Owner) {
        let now = ContinuousClock.now
        state.withLock { state in
            state.queue.release(count, of: owner)
            if let last = state.lastEnd { state.endInterval += 0.2 * ((now - last) / .seconds(1) - state.endInterval) }
            // Idle time must not count as slowness.
            state.lastEnd = state.queue.isEmpty ? nil : now
        }
    }

    // MARK: Published by the engine

    /// Publishes the limits of the engine.
    func setLimits(_ limits: RunnerLimits, queue: Int, gap: Double = 0) {
        state.withLock {
            $0.statistics.streamGap = gap
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
        let (shared, counters) = (scheduler.cellsShared, scheduler.counters)
        state.withLock {
            $0.statistics.running = running
            $0.statistics.waiting = waiting
            $0.statistics.cellsUsed = cells
            $0.statistics.cellsShared = shared
            $0.statistics.slotsUsed = slots
            $0.statistics.counters = counters
            $0.statistics.sequences = sequences
        }
    }

    /// Returns whether to ask the engine for a summary of its cells: false if one is on its way.
    func beginSummary() -> Bool {
        state.withLock { state in
            defer { state.awaitsSummary = true }
            return !state.awaitsSummary
        }
    }

    func publish(_ segments: [CellSegment]) {
        state.withLock {
            $0.statistics.cellSegments = segments
            $0.awaitsSummary = false
        }
    }

    /// - decoded: the rows among the tokens that continue streams, with their drafts.
    func countStep(tokens: Int, decoded: Int = 0, seconds: Double, modelSeconds: Double) {
        let summary = StepSummary(prefillRows: tokens - decoded, decodeRows: decoded, seconds: seconds)
        state.withLock {
            if $0.statistics.recentSteps.count >= StepSummary.most { $0.statistics.recentSteps.removeFirst() }
            $0.statistics.recentSteps.append(summary)
            $0.statistics.steps += 1
            $0.statistics.tokensComputed += tokens
            $0.statistics.stepSeconds = seconds
            $0.statistics.totalSeconds += seconds
            $0.statistics.stepDurations.count(seconds: seconds)
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
