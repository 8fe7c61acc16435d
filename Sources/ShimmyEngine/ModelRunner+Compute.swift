/// The result of computing a batch.
package struct ComputedBatch: Sendable, Equatable {
    /// One result for each chunk, in order.
    package var results: [ChunkResult]
    /// The number of chunks that did not fit into the runner's limits. The scheduler should never plan one.
    package var refused = 0
    /// The number of failed runs. `error` is the last error of a run or of a refused chunk; nil for none.
    package var failedRuns = 0
    package var error: String?
}

extension RunnerLimits {
    /// Returns the reason why a chunk cannot join a batch; nil when it can.
    /// - batch: the chunks that are already in the batch.
    func obstacle(to chunk: Batch.Chunk, joining batch: Batch) -> String? {
        if chunk.rowCount == 0 { return "a chunk without tokens" }
        if !(0..<slots).contains(chunk.slot) { return "slot \(chunk.slot) does not exist; there are \(slots)" }
        if batch.chunks.contains(where: { $0.slot == chunk.slot }) { return "slot \(chunk.slot) is in the batch twice" }
        let rows = chunk.rowCount
        if chunk.start.cells < 0 || chunk.start.positions < 0 || rows > contextLength - chunk.start.cells {
            return "\(rows) tokens after \(chunk.start.cells) cells exceed the context of \(contextLength)"
        }
        if case .media(let part) = chunk.content, !part.segment.isDivisible, rows < part.segment.cells {
            return "\(rows) of the \(part.segment.cells) cells of a media segment that cannot be divided"
        }
        // Drafts are always text.
        if chunk.drafts < 0 || chunk.drafts > 0 && chunk.drafts >= chunk.tokens.count { return "\(chunk.drafts) drafts in a chunk of \(rows) tokens" }
        if let scores = chunk.scores, scores.firstRow < 0 || scores.rowCount > rows - scores.firstRow {
            return "scores for rows that the chunk does not have"
        }
        if batch.rowCount + rows > batchTokens { return "the batch has more than \(batchTokens) tokens" }
        let outputCount = batch.outputCount + Batch(chunks: [chunk]).outputCount
        return outputCount > outputs ? "the batch has more than \(outputs) outputs" : nil
    }
}

extension ModelRunner {
    /// Computes a batch so that an error affects as few sequences as possible.
    ///
    /// Chunks beyond the runner's limits fail without being computed. When the runner fails, the slots are rolled back and the halves of the batch
    /// are tried one after the other, down to single chunks: at most `2n - 1` runs for `n` chunks.
    package mutating func compute(_ batch: Batch) -> ComputedBatch {
        var computed = ComputedBatch(results: Array(repeating: ChunkResult(), count: batch.chunks.count))
        var parts = [joinable(batch, &computed)]
        while let part = parts.popLast() {
            if part.isEmpty { continue }
            do {
                let results = try run(Batch(chunks: part.map { batch.chunks[$0] }, adapters: batch.adapters))
                for (index, result) in zip(part, results) { computed.results[index] = result }
            } catch {
                computed.failedRuns += 1
                computed.error = "\(error)"
                let intact = part.filter { rollBack(slot: batch.chunks[$0].slot, to: batch.chunks[$0].start) }
                let failing = part.count == 1 ? part : part.filter { !intact.contains($0) }
                for index in failing { computed.results[index] = ChunkResult(failure: "\(error)") }
                if part.count == 1 { continue }
                parts.append(Array(intact[(intact.count / 2)...]))
                parts.append(Array(intact[..<(intact.count / 2)]))
            }
        }
        return computed
    }

    /// Returns the indices of the chunks that fit into the batch; the others fail.
    private func joinable(_ batch: Batch, _ computed: inout ComputedBatch) -> [Int] {
        var accepted = Batch(adapters: batch.adapters)
        var indices: [Int] = []
        for (index, chunk) in batch.chunks.enumerated() {
            if let obstacle = limits.obstacle(to: chunk, joining: accepted) {
                computed.refused += 1
                computed.error = "\(chunk.sequence): \(obstacle)"
                computed.results[index] = ChunkResult(failure: "the scheduler planned an invalid step: \(obstacle)")
            } else {
                accepted.chunks.append(chunk)
                indices.append(index)
            }
        }
        return indices
    }
}
