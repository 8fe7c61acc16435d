import ShimmyCore

extension Scheduler {
    /// Plans one token for every stream of the step's adapter set.
    mutating func planStreams(into step: inout Step, flex: Bool) {
        let streams = running.filter { $0.isDecoding && $0.isFlex == flex && $0.adapters == step.batch.adapters }
        for sequence in streams where sequence.plannableCount > 0 { plan(sequence.id, count: 1, into: &step) }
    }

    /// Adds forced tokens from constraints to the streams' chunks, in equal parts. No sequence is preempted for them.
    /// - limit: the max number of tokens of the batch.
    mutating func planForced(into step: inout Step, upTo limit: Int) {
        var open: [(chunk: Int, sequence: Int, rest: Int)] = []
        for (position, chunk) in step.batch.chunks.enumerated() where chunk.continuesStream && !chunk.samples {
            guard let index = running.firstIndex(where: { $0.id == chunk.sequence }) else { continue }
            let rest = running[index].plannableCount - chunk.tokens.count
            if rest > 0 { open.append((position, index, rest)) }
        }
        // The shortest comes first: the rows of its part that it does not use go to the others.
        open.sort { ($0.rest, $0.chunk) < ($1.rest, $1.chunk) }
        for (done, (position, index, rest)) in open.enumerated() {
            let room = evict(for: limit - step.batch.tokenCount, in: &step)
            guard room > 0 else { return }
            lengthen(&step.batch.chunks[position], by: min(rest, max(1, room / (open.count - done))), of: running[index])
        }
    }

    private func lengthen(_ chunk: inout Batch.Chunk, by count: Int, of sequence: SequenceState) {
        let begin = sequence.computed + chunk.tokens.count
        chunk.tokens += sequence.tokens[begin..<begin + count]
        chunk.samples = begin + count == sequence.tokens.count && sequence.maximumTokens > 0
    }

    /// Adds drafts to the streams' chunks where verifying them costs less than they are likely to save.
    mutating func planDrafts(into step: inout Step, _ turn: AdapterTurns.Turn, within gap: Double) {
        let streams = step.batch.chunks.count
        guard limits.canRewind, !isDeterministic, streams > 0, let rowSeconds = time.rowSeconds, let stepSeconds = time.decodeSeconds(rows: streams)
        else { return }
        // A few drafts are worth trying because the measured time may be wrong. A step on fewer cores has no time to spare.
        let least = stepTimes.isSlowed ? 0 : 4
        let rowsInTime = max(least, (time.rows(within: gap - turn.otherSeconds, besides: streams) ?? 0) / (1 + turn.otherSets))
        let used = step.batch.tokenCount
        var room = min(
            rowsInTime - (used - streams), limits.batchTokens - used, limits.outputs - step.batch.outputCount, limits.cells - cache.cellsUsed - used)
        for (position, chunk) in step.batch.chunks.enumerated() where chunk.samples {
            guard room > 0 else { return }
            guard let index = running.firstIndex(where: { $0.id == chunk.sequence }) else { continue }
            // A stream's token costs its share of the step. A draft pays off when a row costs clearly less than the tokens that it is likely to
            // yield. The margin is needed because a row of a short chunk costs more than a row of a long prompt, and the measured rows are those of
            // long prompts.
            let pays = running[index].acceptance * stepSeconds / Double(streams) > 1.5 * rowSeconds
            // A client's prediction is trusted while most of it is accepted and no other stream has to wait for it.
            guard pays || (streams == 1 && running[index].followsPrediction && running[index].acceptance > 0.5) else { continue }
            let left = min(running[index].maximumTokens - running[index].generatedCount, limits.contextLength - running[index].tokens.count)
            let guess = running[index].guess(atMost: min(room, left - 1))
            guard !guess.tokens.isEmpty else { continue }
            step.batch.chunks[position].tokens += guess.tokens
            step.batch.chunks[position].drafts = guess.tokens.count
            step.batch.chunks[position].isPrediction = guess.isPrediction
            room -= guess.tokens.count
        }
    }
}
