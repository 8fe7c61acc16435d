/// The numbers of errors that the engine survived. All of them are logged.
package struct EngineFaults: Codable, Sendable, Equatable {
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
