import ShimmyCore

extension Scheduler {
    /// Plans one token for every stream of the step's adapter set.
    mutating func planStreams(into budget: inout StepBudget, flex: Bool) {
        let streams = running.filter { $0.isDecoding && $0.isFlex == flex && $0.adapters == budget.batch.adapters }
        for sequence in streams where sequence.plannableCount > 0 { plan(sequence.id, count: 1, into: &budget) }
    }

    /// Adds forced tokens from constraints to the streams' chunks, in equal parts. No sequence is preempted for them.
    mutating func planForced(into budget: inout StepBudget) {
        var open: [(chunk: Int, sequence: Int, rest: Int)] = []
        for (position, chunk) in budget.batch.chunks.enumerated() where chunk.continuesStream && !chunk.samples {
            guard let index = running.firstIndex(where: { $0.id == chunk.sequence }) else { continue }
            let rest = running[index].plannableCount - chunk.rowCount
            if rest > 0 { open.append((position, index, rest)) }
        }
        // The shortest comes first: the rows of its part that it does not use go to the others.
        open.sort { ($0.rest, $0.chunk) < ($1.rest, $1.chunk) }
        for (done, (position, index, rest)) in open.enumerated() {
            let room = evict(for: budget.remainingRows, in: &budget)
            guard room > 0 else { return }
            let begin = running[index].computed + budget.batch.chunks[position].rowCount
            let end = begin + min(rest, max(1, room / (open.count - done)))
            budget.extend(chunk: position, with: running[index].known.tokens(in: begin..<end), to: running[index].kind(ofChunkUpTo: end))
        }
    }

    /// Adds drafts to the streams' chunks where verifying them costs less than they are likely to save.
    mutating func planDrafts(into budget: inout StepBudget, _ turn: AdapterTurns.Turn, within gap: Double) {
        let streams = budget.batch.chunks.count
        guard limits.canRewind, !isDeterministic, streams > 0, let rowSeconds = time.rowSeconds, let stepSeconds = time.decodeSeconds(rows: streams)
        else { return }
        // A few drafts are worth trying because the measured time may be wrong. A step on fewer cores has no time to spare.
        let minRows = stepTimes.isSlowed ? 0 : 4
        let rowsInTime = max(minRows, (time.rows(within: gap - turn.otherSeconds, besides: streams) ?? 0) / (1 + turn.otherSets))
        budget.limitRows(to: streams + rowsInTime)
        for (position, chunk) in budget.batch.chunks.enumerated() where chunk.samples {
            let room = min(budget.remainingRows, budget.remainingOutputs, budget.remainingCells(besides: cache.cellsUsed))
            guard room > 0 else { return }
            guard let sequence = running.first(where: { $0.id == chunk.sequence }) else { continue }
            let acceptance = drafts.acceptance(of: sequence.id)
            // A stream's token costs its share of the step. A draft pays off when a row costs clearly less than the tokens that it is likely to
            // yield. The margin is needed because a row of a short chunk costs more than a row of a long prompt, and the measured rows are those of
            // long prompts.
            let pays = acceptance * stepSeconds / Double(streams) > 1.5 * rowSeconds
            // A client's prediction is trusted while most of it is accepted and no other stream has to wait for it.
            guard pays || (streams == 1 && drafts.followsPrediction(sequence.id) && acceptance > 0.5) else { continue }
            let remaining = min(sequence.maximumTokens - sequence.generatedCount, limits.contextLength - sequence.known.count)
            let draft = drafts.draft(for: sequence.id, after: sequence.known, atMost: min(room, remaining - 1))
            guard !draft.tokens.isEmpty else { continue }
            let kind = Batch.Chunk.Kind.continuation(drafts: draft.tokens.count, isPrediction: draft.isPrediction)
            budget.extend(chunk: position, with: draft.tokens, to: kind)
        }
    }
}
