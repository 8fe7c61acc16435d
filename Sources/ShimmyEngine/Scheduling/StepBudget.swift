import ShimmyCore

/// A step that is being planned, and its remaining rows, outputs and cells.
///
/// Chunks enter a step only through its budget. The time of a step is spent as rows: the scheduler converts the time to a number of rows and sets it
/// as a limit. The engine checks the finished batch once more before the runner gets it (`ModelRunner.compute`), so that a mistake in a plan fails
/// single sequences.
struct StepBudget {
    /// The cache operations that precede the batch.
    var operations: [CacheOperation] = []
    private(set) var batch: Batch
    private let limits: RunnerLimits
    /// The max number of rows, at most the runner's limit.
    private var maxRows: Int

    init(limits: RunnerLimits, adapters: AdapterSet) {
        self.limits = limits
        batch = Batch(adapters: adapters)
        maxRows = limits.batchTokens
    }

    /// The planned step.
    var step: Step { Step(operations: operations, batch: batch) }

    var remainingRows: Int { max(0, maxRows - batch.rowCount) }
    /// The rows that remain within the runner's limit, whatever the limit of this step.
    var remainingBatchRows: Int { limits.batchTokens - batch.rowCount }
    var remainingOutputs: Int { max(0, limits.outputs - batch.outputCount) }

    /// Returns the number of cells that remain beside those of the step's rows and `used` cells of the cache. Negative if the rows do not fit.
    func remainingCells(besides used: Int) -> Int { limits.cells - used - batch.rowCount }

    /// Limits the rows of the step, those already in it included. A later call replaces the limit.
    mutating func limitRows(to count: Int) { maxRows = min(count, limits.batchTokens) }

    mutating func append(_ chunk: Batch.Chunk) { batch.chunks.append(chunk) }

    /// Adds tokens to the end of a chunk, which changes its kind.
    mutating func extend(chunk index: Int, with tokens: some Sequence<Token>, to kind: Batch.Chunk.Kind) {
        batch.chunks[index].append(tokens)
        batch.chunks[index].kind = kind
    }

    /// Removes the chunk of a sequence that is preempted.
    mutating func remove(_ id: SequenceID) { batch.remove(id) }
}
