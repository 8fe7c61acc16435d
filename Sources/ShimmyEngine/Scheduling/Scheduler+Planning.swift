import ShimmyCore

extension Scheduler {
    /// Plans the next step.
    /// - others: the number of other engines with streams; they share the time between two tokens with this engine.
    /// - held: sequences whose next token cannot be sampled yet.
    /// - spent: seconds of the time between two tokens that were already spent on this step.
    /// - slowdown: the expected duration of the step as a multiple of the usual duration. At least 1.
    package mutating func schedule(
        beside others: Int = 0, holding held: Set<SequenceID> = [], spent: Double = 0, slowdown: Double = 1
    ) -> Step {
        hold(held)
        stepTimes.begin(slowdown: slowdown)
        let gap = max(target.gap / Double(1 + others) - spent, 0.25 * target.gap)
        let isFlexTurn = isFlexTurn
        let turn = nextTurn(flex: isFlexTurn)
        var budget = StepBudget(limits: limits, adapters: turn.adapters)
        planStreams(into: &budget, flex: isFlexTurn)
        let streams = budget.batch.chunks.count
        let rows = rowsBeside(streams, turn, within: gap, isAlone: others == 0)
        // Forced tokens and prompts get half of the rows each, plus the rows that the other half does not use.
        let isShared = !isDeterministic && (turn.hasPrompts || !turn.prefills)
        budget.limitRows(to: streams + (isShared ? rows / 2 : rows))
        planForced(into: &budget)
        guard turn.prefills else { return budget.step }
        budget.limitRows(to: streams + rows)
        planPrefill(into: &budget, flex: isFlexTurn)
        planForced(into: &budget)
        if waiting.isEmpty, budget.batch.chunks.allSatisfy(\.continuesStream) { planDrafts(into: &budget, turn, within: StepTarget.draftShare * gap) }
        return budget.step
    }

    private mutating func hold(_ held: Set<SequenceID>) {
        for index in running.indices where running[index].isHeld || !held.isEmpty { running[index].isHeld = held.contains(running[index].id) }
        for index in waiting.indices where waiting[index].isHeld || !held.isEmpty { waiting[index].isHeld = held.contains(waiting[index].id) }
    }

    /// Whether the next step computes flex sequences. They run only when there is no other work; their slots and cells are on loan. In
    /// deterministic mode, which runs one sequence alone, a running sequence is not interrupted.
    private var isFlexTurn: Bool {
        if isDeterministic, let sequence = running.first { return sequence.isFlex }
        return !(running.contains { !$0.isFlex } || waiting.contains { !$0.isFlex })
    }

    /// Returns how many rows of forced tokens and prompts fit into a step beside the next token of each of its streams.
    private func rowsBeside(_ streams: Int, _ turn: AdapterTurns.Turn, within gap: Double, isAlone: Bool) -> Int {
        if isDeterministic { return limits.batchTokens }
        if streams == 0, turn.otherSets == 0, isAlone {
            return max(minRows(beside: 0), time.rows(within: target.prefill, besides: 0) ?? limits.batchTokens)
        }
        let minRows = minRows(beside: streams)
        let rows = max(minRows, time.rows(within: gap - turn.otherSeconds, besides: streams) ?? StepTarget.firstRows)
        if turn.otherSets == 0 { return rows }
        // All adapter sets share the rows of one gap. The set whose prompts are computed gets most of them.
        let part = rows / (1 + turn.otherSets)
        guard turn.prefills, turn.hasPrompts else { return part }
        return max(minRows, rows - turn.otherForced.reduce(0) { $0 + min($1, part / 2) })
    }

    /// Returns the min number of prefill rows in a step, so that a prompt makes progress however long its steps take. It is higher where the
    /// rows add at most half of the streams' own time, as with a large model, and in steps without streams, whose rows alone bear the cost of
    /// the step. While steps are slow because cores were given away, which ends soon, it is not.
    private func minRows(beside streams: Int) -> Int {
        if stepTimes.isSlowed { return StepTarget.minRows }
        guard streams > 0 else { return StepTarget.maxMinRows }
        guard let seconds = time.decodeSeconds(rows: streams) else { return StepTarget.minRows }
        let cheap = time.rows(within: 1.5 * seconds, besides: streams) ?? 0
        return max(StepTarget.minRows, min(StepTarget.maxMinRows, cheap))
    }

    // MARK: Prefill

    /// Plans prefill of running and waiting sequences.
    private mutating func planPrefill(into budget: inout StepBudget, flex: Bool) {
        // A request that does not fit waits for running sequences to finish; later requests that need the same cells wait behind it.
        var isFull = false
        for id in prefillOrder(flex: flex) {
            guard budget.remainingRows > 0 else { return }
            if let index = waiting.firstIndex(where: { $0.id == id }) {
                // Waiting pays off when another sequence is about to compute the same cells. Sequences behind this one may go first.
                if isFull || isRestoring(budget) || awaitsPrefill(index) { continue }
                isFull = waiting[index].adapters == budget.batch.adapters ? !admit(id, into: &budget) : !canStart(waiting[index])
                if isFull { continue }
            }
            guard let sequence = running.first(where: { $0.id == id }), sequence.adapters == budget.batch.adapters else { continue }
            let count = min(countWithLogits(of: sequence, in: budget), sequence.untilCheckpoint ?? .max)
            let planned = chunkCount(of: sequence, atMost: min(count, budget.remainingRows), in: budget)
            if planned > 0 { plan(id, count: planned, into: &budget) }
        }
    }

    /// Returns how many of a sequence's next units to compute as one chunk. A media segment that cannot be divided may exceed the time of a step in
    /// which no other prompt is computed, so that it is computed at all.
    private func chunkCount(of sequence: SequenceState, atMost limit: Int, in budget: StepBudget) -> Int {
        guard limit > 0 else { return 0 }
        let count = sequence.chunkCount(atMost: limit)
        if count <= limit { return count }
        return budget.batch.chunks.allSatisfy(\.continuesStream) && count <= budget.remainingBatchRows ? count : 0
    }

    /// Returns all sequences with a prompt to compute: the least served owner first, then the prompt with the fewest remaining tokens. A prompt
    /// counts as shorter by the number of prompt tokens that were computed for other sequences since it arrived, so that none waits forever.
    func prefillOrder(flex: Bool) -> [SequenceID] {
        let candidates = running.filter { !$0.isDecoding && $0.isFlex == flex } + waiting.filter { $0.isFlex == flex }
        return
            candidates.map { sequence in
                let remaining = sequence.pendingCount - sequence.waited(until: counters.promptTokens)
                return (id: sequence.id, served: shares.service(of: sequence.owner), remaining: remaining)
            }
            .sorted { ($0.served, $0.remaining, $0.id.rawValue) < ($1.served, $1.remaining, $1.id.rawValue) }
            .map(\.id)
    }

    /// Returns whether the step restores a prefix. The restore succeeds or fails when the step begins; until then no other sequence may share the
    /// prefix.
    private func isRestoring(_ budget: StepBudget) -> Bool { budget.operations.contains { if case .restore = $0 { true } else { false } } }

    /// Starts a waiting sequence. Returns false when it has to wait for a slot or for cells.
    private mutating func admit(_ id: SequenceID, into budget: inout StepBudget) -> Bool {
        guard let candidate = waiting.first(where: { $0.id == id }), canTakeTurns(candidate) else { return false }
        if running.count >= limits.running {
            guard let victim = victim(for: candidate) else { return false }
            preempt(victim, in: &budget)
        }
        while !fits(candidate) {
            guard let flex = running.last(where: { $0.isFlex }), !candidate.isFlex else { return false }
            preempt(flex.id, in: &budget)
        }
        if isDeterministic { evictAll(in: &budget) }
        guard
            let placement = cache.acquire(
                for: candidate.known, with: candidate.adapters, atMost: candidate.reusableCount, restorable: candidate.restorable)
        else { return false }
        if placement.evicts { counters.evictions += 1 }
        budget.operations += placement.operations
        if placement.restores {
            planRestore(.restore(sequence: id, slot: placement.slot, length: candidate.known.length(of: placement.cached)), into: &budget)
        }
        waiting.removeAll { $0.id == id }
        var sequence = candidate
        let isNew = sequence.cachedPromptTokens == nil
        sequence.start(slot: placement.slot, cached: placement.cached, divergence: placement.divergence)
        if isNew { counters.cachedPromptTokens += placement.cached }
        if !limits.canRewind, !isDeterministic { sequence.planCheckpoints() }
        running.insert(sequence, at: running.firstIndex { $0.id.rawValue > id.rawValue } ?? running.endIndex)
        return true
    }

    /// Adds a restore operation to the step, after the evictions that free its cells.
    private mutating func planRestore(_ operation: CacheOperation, into budget: inout StepBudget) {
        evict(for: 0, in: &budget)
        budget.operations.append(operation)
    }

    /// Returns whether all known units of a sequence fit and all sequences have room to grow for `reservedSteps` of it. A sequence that is preempted
    /// again right after it was recomputed would cost more than it gains. More room would let one long answer block short requests.
    private func fits(_ candidate: SequenceState) -> Bool {
        if running.isEmpty { return true }
        let known = cache.known(of: candidate.known, with: candidate.adapters, atMost: candidate.reusableCount)
        let steps = candidate.reservedSteps
        let needed = running.reduce(cache.busyCells) { $0 + $1.pendingCount + $1.growth(in: steps) }
        // A restored prefix uses cells of its own.
        let shared = PrefixCache.isWorthRestoring(candidate.restorable, besides: known.cached) ? 0 : known.busy
        return needed + candidate.known.count + candidate.growth(in: steps) - shared <= limits.cells
    }

    /// Returns the sequence to preempt for a candidate when the limit of running sequences is reached: a flex sequence, or, for an owner with
    /// nothing running, the youngest sequence of the owner that runs the most sequences relative to its weight. Nil when no sequence may be
    /// preempted.
    private func victim(for candidate: SequenceState) -> SequenceID? {
        if isDeterministic { return nil }
        if !candidate.isFlex, let flex = running.last(where: \.isFlex) { return flex.id }
        guard !running.contains(where: { $0.owner == candidate.owner }) else { return nil }
        let counts = Dictionary(grouping: running, by: \.owner).mapValues(\.count).filter { $0.value > 1 }
        let busiest = counts.max { Double($0.value) / $0.key.weight < Double($1.value) / $1.key.weight }?.key
        return running.last { $0.owner == busiest }?.id
    }

    /// Returns whether a waiting sequence would start if it were its adapter set's turn.
    func canStart(_ candidate: SequenceState) -> Bool {
        guard canTakeTurns(candidate), running.count < limits.running || victim(for: candidate) != nil else { return false }
        return fits(candidate) || (!candidate.isFlex && running.contains(where: \.isFlex))
    }

    /// Returns whether a running prefill is about to compute considerably more of a waiting sequence's units than the cache contains. It is then
    /// cheaper to wait and share. Of several requests with one new prefix only the first computes it.
    ///
    /// Prompts are compared once for each awaited prefill, not in each step.
    /// - index: the index in `waiting`.
    mutating func awaitsPrefill(_ index: Int) -> Bool {
        if let (id, until) = waiting[index].awaited, running.contains(where: { $0.id == id && !$0.isDecoding && $0.computed < until }) { return true }
        let awaited = prefill(computing: waiting[index])
        waiting[index].awaited = awaited
        return awaited != nil
    }

    private func prefill(computing candidate: SequenceState) -> (sequence: SequenceID, until: Int)? {
        guard candidate.reusesAnyPrefix, running.contains(where: { !$0.isDecoding }) else { return nil }
        let known = candidate.known
        let cached = cache.known(of: known, with: candidate.adapters).cached
        // Flex sequences make no progress while a regular sequence waits, so a regular sequence does not wait for them.
        for other in running where !other.isDecoding && other.adapters == candidate.adapters && (!other.isFlex || candidate.isFlex) {
            let shared = known.boundary(atMost: min(other.known.units.countInCommon(with: known.units), known.count - 1))
            let common = limits.canRewind ? shared : other.lastCheckpoint(upTo: shared)
            // Cached units that `other` itself has computed are not a reason against waiting for the rest of its prompt.
            let otherwiseCached = cached <= other.computed ? 0 : cached
            if other.computed < common, common >= otherwiseCached + Self.minAwaitedUnits { return (other.id, common) }
        }
        return nil
    }

    /// The min number of units worth waiting for. Recomputing fewer is faster.
    private static let minAwaitedUnits = 32

    // MARK: Cells

    /// Adds `count` units of a running sequence to the step, as one chunk, and frees cells for them if necessary.
    mutating func plan(_ id: SequenceID, count: Int, into budget: inout StepBudget) {
        guard running.contains(where: { $0.id == id }), makeRoom(for: count, keeping: id, in: &budget) else { return }
        guard let sequence = running.first(where: { $0.id == id }), let slot = sequence.slot else { return }
        let range = sequence.computed..<sequence.computed + count
        var chunk = Batch.Chunk(
            sequence: id, slot: slot, start: sequence.computedLength, content: sequence.known.content(of: range),
            kind: sequence.kind(ofChunkUpTo: range.upperBound))
        chunk.scores = sequence.scores(in: range)
        budget.append(chunk)
    }

    /// Returns how many of a sequence's pending units this step can compute, given the limit of rows with logits.
    private func countWithLogits(of sequence: SequenceState, in budget: StepBudget) -> Int {
        guard sequence.isScoring else { return sequence.plannableCount }
        // Reserve one row for each other sequence, running or yet to start, that may still sample in this step.
        let others = limits.running - 1 - budget.batch.chunks.count { $0.samples || !$0.continuesStream }
        let outputs = max(1, budget.remainingOutputs - others)
        let unscored = max(0, (sequence.firstUnscored ?? 0) - 1 - sequence.computed)
        return min(sequence.plannableCount, unscored + outputs)
    }

    /// Frees cells until `count` more units fit beside the step's: first those of idle prefixes, then of flex sequences, then of the youngest
    /// sequence other than `id`. Returns false when `id` itself is the youngest and has to wait.
    private mutating func makeRoom(for count: Int, keeping id: SequenceID, in budget: inout StepBudget) -> Bool {
        while budget.remainingCells(besides: cache.cellsUsed) < count {
            if let eviction = cache.evict() {
                counters.evictions += 1
                budget.operations += eviction
            } else if let victim = running.last(where: \.isFlex) ?? running.last {
                preempt(victim.id, in: &budget)
                if victim.id == id { return false }
            } else {
                return false
            }
        }
        return true
    }

    /// Evicts idle prefixes until `rows` more rows fit into the step. Returns how many of them fit.
    @discardableResult
    mutating func evict(for rows: Int, in budget: inout StepBudget) -> Int {
        while budget.remainingCells(besides: cache.cellsUsed) < rows, let eviction = cache.evict() {
            counters.evictions += 1
            budget.operations += eviction
        }
        return max(0, min(rows, budget.remainingCells(besides: cache.cellsUsed)))
    }

    private mutating func evictAll(in budget: inout StepBudget) {
        while let eviction = cache.evict() { budget.operations += eviction }
    }

    /// Preempts a running sequence: it waits again. Its cells stay as an idle prefix until other sequences need them.
    mutating func preempt(_ id: SequenceID) {
        guard let index = running.firstIndex(where: { $0.id == id }) else { return }
        var sequence = running.remove(at: index)
        if let slot = sequence.slot { cache.release(slot: slot) }
        sequence.preempt()
        counters.preemptions += 1
        waiting.insert(sequence, at: waiting.firstIndex { $0.id.rawValue > id.rawValue } ?? waiting.endIndex)
    }

    /// Preempts a running sequence and removes its chunk from the step.
    private mutating func preempt(_ id: SequenceID, in budget: inout StepBudget) {
        budget.remove(id)
        preempt(id)
    }
}
