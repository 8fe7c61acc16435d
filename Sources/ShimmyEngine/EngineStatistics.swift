/// A snapshot of an engine's state, for users and for tests.
package struct EngineStatistics: Codable, Sendable, Equatable {
    package var running = 0
    package var waiting = 0
    package var cellsUsed = 0
    package var cellsTotal = 0
    /// The number of cells that sharing saves: those that slots use, less those that contain a token.
    package var cellsShared = 0
    /// The max number of sequences that run at once.
    package var runningLimit = 0
    /// The number of sequences in the queue: they were submitted, do not run and have not ended.
    package var queued = 0
    package var queueLimit = 0
    /// The part of the queue that one owner can fill while all running sequences are its own.
    package var ownerQueueLimit: Int { queueLimit - QueueAdmission.reserved(of: queueLimit) }
    /// The number of running and waiting sequences by the name of their owner.
    package var sequencesByOwner: [String: Int] = [:]
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
    package var stepDurations = StepDurations()
    /// The part of the time of all steps that was not the model's: sampling and bookkeeping. 0 to 1.
    package var overhead: Double { totalSeconds > 0 ? max(0, 1 - modelSeconds / totalSeconds) : 0 }
    /// Whether sequences share any common prefix, rather than only checkpoints.
    package var sharesAnyPrefix = true
    /// The number of prompt tokens that were restored from the disk.
    package var restoredTokens = 0
    /// The target for the time between two tokens of a running stream, in seconds.
    package var streamGap = 0.0
    /// The last steps, oldest first.
    package var recentSteps: [StepSummary] = []
    /// The largest runs of cells when a summary was last asked for (`EngineHandle.summarizeCells`).
    package var cellSegments: [CellSegment] = []
    /// The running sequences, oldest first, then the first 64 waiting ones.
    package var sequences: [SequenceStatus] = []
    /// The age of the snapshot in seconds, if another process made it; nil for an engine in this process.
    package var age: Double?

    package init() {}
}
