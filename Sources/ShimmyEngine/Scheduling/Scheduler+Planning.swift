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
        var step = Step(batch: Batch(adapters: turn.adapters))
        planStreams(into: &step, flex: isFlexTurn)
        let streams = step.batch.chunks.count
        let rows = rowsBeside(streams, turn, within: gap, isAlone: others == 0)
        let limit = min(streams + rows, limits.batchTokens)
        // Forced tokens and prompts get half of the rows each, plus the rows that the other half does not use.
        let isShared = !isDeterministic && (turn.hasPrompts || !turn.prefills)
        planForced(into: &step, upTo: isShared ? min(limit, streams + rows / 2) : limit)
        guard turn.prefills else { return step }
        planPrefill(into: &step, upTo: limit, flex: isFlexTurn)
        planForced(into: &step, upTo: limit)
        if waiting.isEmpty, step.batch.chunks.allSatisfy(\.continuesStream) { planDrafts(into: &step, turn, within: gap) }
        return step
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
            return max(leastRows(beside: 0), time.rows(within: target.prefill, besides: 0) ?? limits.batchTokens)
        }
        let leastRows = leastRows(beside: streams)
        let rows = max(leastRows, time.rows(within: gap - turn.otherSeconds, besides: streams) ?? StepTarget.firstRows)
        if turn.otherSets == 0 { return rows }
        // All adapter sets share the rows of one gap. The set whose prompts are computed gets most of them.
        let part = rows / (1 + turn.otherSets)
        guard turn.prefills, turn.hasPrompts else { return part }
        return max(leastRows, rows - turn.otherForced.reduce(0) { $0 + min($1, part / 2) })
    }

    /// Returns the min number of prefill rows in a step, so that a prompt makes progress however long its steps take. It is higher where the
    /// rows add at most half of the streams' own time, as with a large model, and in steps without streams, whose rows alone bear the cost of
    /// the step. While steps are slow because cores were given away, which ends soon, it is not.
    private func leastRows(beside streams: Int) -> Int {
        if stepTimes.isSlowed { return StepTarget.leastRows }
        guard streams > 0 else { return StepTarget.mostLeastRows }
        guard let seconds = time.decodeSeconds(rows: streams) else { return StepTarget.leastRows }
        let cheap = time.rows(within: 1.5 * seconds, besides: streams) ?? 0
        return max(StepTarget.leastRows, min(StepTarget.mostLeastRows, cheap))
    }

    // MARK: Prefill

    /// Plans prefill of running and waiting sequences.
    /// - limit: the max number of tokens of the batch.
    private mutating func planPrefill(into step: inout Step, upTo limit: Int, flex: Bool) {
        // A request that does not fit waits for running sequences to finish; later requests that need the same cells wait behind it.
        var isFull = false
        for id in prefillOrder(flex: flex) {
            guard step.batch.tokenCount < limit else { return }
            if let place = waiting.firstIndex(where: { $0.id == id }) {
                // Waiting pays off when another sequence is about to compute the same cells. Sequences behind this one may go first.
                if isFull || isRestoring(step) || awaitsPrefill(place) { continue }
                isFull = waiting[place].adapters == step.batch.adapters ? !admit(id, into: &step) : !canStart(waiting[place])
                if isFull { continue }
            }
            guard let sequence = running.first(where: { $0.id == id }), sequence.adapters == step.batch.adapters else { continue }
            let count = min(countWithLogits(of: sequence, in: step), sequence.untilCheckpoint ?? .max)
            if count > 0 { plan(id, count: min(count, limit - step.batch.tokenCount), into: &step) }
        }
    }

    /// Returns all sequences with a prompt to compute: the least served owner first, and the shortest prompt of an owner first. A prompt counts as
    /// shorter by the number of prompt tokens that were computed since it arrived, so that none waits forever.
    func prefillOrder(flex: Bool) -> [SequenceID] {
        let candidates = running.filter { !$0.isDecoding && $0.isFlex == flex } + waiting.filter { $0.isFlex == flex }
        return
            candidates.map { sequence in
                let waited = counters.promptTokens - sequence.arrival
                return (id: sequence.id, served: shares.service(of: sequence.owner), left: sequence.pendingCount - waited)
            }
            .sorted { ($0.served, $0.left, $0.id.rawValue) < ($1.served, $1.left, $1.id.rawValue) }
            .map(\.id)
    }

    /// Returns whether the step restores a prefix. The restore succeeds or fails when the step begins; until then no other sequence may share the
    /// prefix.
    private func isRestoring(_ step: Step) -> Bool { step.operations.contains { if case .restore = $0 { true } else { false } } }

    /// Starts a waiting sequence. Returns false when it has to wait for a slot or for cells.
    private mutating func admit(_ id: SequenceID, into step: inout Step) -> Bool {
        guard let candidate = waiting.first(where: { $0.id == id }), canTakeTurns(candidate) else { return false }
        if running.count >= limits.running {
            guard let victim = victim(for: candidate) else { return false }
            pause(victim, in: &step)
        }
        while !fits(candidate) {
            guard let lent = running.last(where: { $0.isFlex }), !candidate.isFlex else { return false }
            pause(lent.id, in: &step)
        }
        if isDeterministic { evictAll(in: &step) }
        guard
            let place = cache.acquire(
                for: candidate.tokens, with: candidate.adapters, atMost: candidate.reusableCount, restorable: candidate.restorable)
        else { return false }
        if place.evicts { counters.evictions += 1 }
        step.operations += place.operations
        if place.restores { planRestore(.restore(sequence: id, slot: place.slot, count: place.cached), into: &step) }
        waiting.removeAll { $0.id == id }
        var sequence = candidate
        let isNew = sequence.cachedPromptTokens == nil
        sequence.start(slot: place.slot, cached: place.cached, divergence: place.divergence)
        if isNew { counters.cachedPromptTokens += place.cached }
        if !limits.canRewind, !isDeterministic { sequence.planCheckpoints() }
        running.insert(sequence, at: running.firstIndex { $0.id.rawValue > id.rawValue } ?? running.endIndex)
        return true
    }

    /// Adds a restore operation to the step, after the evictions that free its cells.
    private mutating func planRestore(_ operation: CacheOperation, into step: inout Step) {
        while cache.cellsUsed + step.batch.tokenCount > limits.cells, let eviction = cache.evict() {
            counters.evictions += 1
            step.operations += eviction
        }
        step.operations.append(operation)
    }

    /// Returns whether all known tokens of a sequence fit and all sequences have room to grow for a while. A sequence that is preempted again right
    /// after it was recomputed would cost more than it gains.
    private func fits(_ candidate: SequenceState) -> Bool {
        if running.isEmpty { return true }
        let known = cache.known(of: candidate.tokens, with: candidate.adapters, atMost: candidate.reusableCount)
        let needed = running.reduce(cache.busyCells) { $0 + $1.pendingCount + $1.expectedGrowth }
        // A restored prefix uses cells of its own.
        let shared = PrefixCache.isWorthRestoring(candidate.restorable, besides: known.cached) ? 0 : known.busy
        return needed + candidate.tokens.count + candidate.expectedGrowth - shared <= limits.cells
    }

    /// Returns the sequence to preempt for a candidate when the limit of running sequences is reached: a flex sequence, or, for an owner with
    /// nothing running, the youngest sequence of the owner that runs the most sequences relative to its weight. Nil when no sequence may be
    /// preempted.
    private func victim(for candidate: SequenceState) -> SequenceID? {
        if isDeterministic { return nil }
        if !candidate.isFlex, let lent = running.last(where: \.isFlex) { return lent.id }
        guard !running.contains(where: { $0.owner == candidate.owner }) else { return nil }
        let counts = Dictionary(grouping: running, by: \.owner).mapValues(\.count).filter { $0.value > 1 }
        let most = counts.max { Double($0.value) / $0.key.weight < Double($1.value) / $1.key.weight }?.key
        return running.last { $0.owner == most }?.id
    }

    /// Returns whether a waiting sequence would start if it were its adapter set's turn.
    func canStart(_ candidate: SequenceState) -> Bool {
        guard canTakeTurns(candidate), running.count < limits.running || victim(for: candidate) != nil else { return false }
        return fits(candidate) || (!candidate.isFlex && running.contains(where: \.isFlex))
    }

    /// Returns whether a running prefill is about to compute considerably more of a waiting sequence's tokens than the cache contains. It is then
    /// cheaper to wait and share. Of several requests with one new prefix only the first computes it.
    ///
    /// Prompts are compared once for each awaited prefill, not in each step.
    /// - place: the index in `waiting`.
    mutating func awaitsPrefill(_ place: Int) -> Bool {
        if let (id, until) = waiting[place].awaited, running.contains(where: { $0.id == id && !$0.isDecoding && $0.computed < until }) { return true }
        let awaited = prefill(computing: waiting[place])
        waiting[place].awaited = awaited
        return awaited != nil
    }

    private func prefill(computing candidate: SequenceState) -> (sequence: SequenceID, until: Int)? {
        guard !candidate.isScoring, running.contains(where: { !$0.isDecoding }) else { return nil }
        let tokens = candidate.tokens
        let cached = cache.known(of: tokens, with: candidate.adapters).cached
        // Flex sequences make no progress while a regular sequence waits, so a regular sequence does not wait for them.
        for other in running where !other.isDecoding && other.adapters == candidate.adapters && (!other.isFlex || candidate.isFlex) {
            let alike = min(other.tokens.countInCommon(with: tokens), tokens.count - 1)
            let common = limits.canRewind ? alike : other.lastCheckpoint(upTo: alike)
            // Cached tokens that `other` itself has computed are not a reason against waiting for the rest of its prompt.
            let otherwiseCached = cached <= other.computed ? 0 : cached
            if other.computed < common, common >= otherwiseCached + Self.worthWaitingFor { return (other.id, common) }
        }
        return nil
    }

    /// The min number of tokens worth waiting for. Recomputing fewer is faster.
    private static let worthWaitingFor = 32

    // MARK: Cells

    /// Adds `count` tokens of a running sequence to the step and frees cells for them if necessary.
    mutating func plan(_ id: SequenceID, count: Int, into step: inout Step) {
        guard running.contains(where: { $0.id == id }), makeRoom(for: count, keeping: id, step: &step) else { return }
        guard let sequence = running.first(where: { $0.id == id }), let slot = sequence.slot else { return }
        let range = sequence.computed..<sequence.computed + count
        var chunk = Batch.Chunk(
            sequence: id, slot: slot, position: range.lowerBound, tokens: Array(sequence.tokens[range]),
            samples: range.upperBound == sequence.tokens.count && sequence.maximumTokens > 0, continuesStream: sequence.isDecoding)
        chunk.scores = sequence.scores(in: range)
        step.batch.chunks.append(chunk)
    }

    /// Returns how many of a sequence's pending tokens this step can compute, given the limit of rows with logits.
    private func countWithLogits(of sequence: SequenceState, in step: Step) -> Int {
        guard sequence.isScoring else { return sequence.plannableCount }
        // Reserve one row for each other sequence, running or yet to start, that may still sample in this step.
        let others = limits.running - 1 - step.batch.chunks.count { $0.samples || !$0.continuesStream }
        let outputs = max(1, limits.outputs - step.batch.outputCount - others)
        let unscored = max(0, (sequence.firstUnscored ?? 0) - 1 - sequence.computed)
        return min(sequence.plannableCount, unscored + outputs)
    }

    /// Frees cells until `count` more tokens fit beside the step's: first those of idle prefixes, then of flex sequences, then of the youngest
    /// sequence other than `id`. Returns false when `id` itself is the youngest and has to wait.
    private mutating func makeRoom(for count: Int, keeping id: SequenceID, step: inout Step) -> Bool {
        while cache.cellsUsed + step.batch.tokenCount + count > limits.cells {
            if let eviction = cache.evict() {
                counters.evictions += 1
                step.operations += eviction
            } else if let victim = running.last(where: \.isFlex) ?? running.last {
                pause(victim.id, in: &step)
                if victim.id == id { return false }
            } else {
                return false
            }
        }
        return true
    }

    /// Evicts idle prefixes until `rows` more rows fit into the step. Returns how many of them fit.
    mutating func evict(for rows: Int, in step: inout Step) -> Int {
        while cache.cellsUsed + step.batch.tokenCount + rows > limits.cells, let eviction = cache.evict() {
            counters.evictions += 1
            step.operations += eviction
        }
        return max(0, min(rows, limits.cells - cache.cellsUsed - step.batch.tokenCount))
    }

    private mutating func evictAll(in step: inout Step) {
        while let eviction = cache.evict() { step.operations += eviction }
    }

    /// Preempts a running sequence: it waits again. Its cells stay as an idle prefix until other sequences need them.
    mutating func pause(_ id: SequenceID, in step: inout Step) {
        guard let index = running.firstIndex(where: { $0.id == id }) else { return }
        step.batch.chunks.removeAll { $0.sequence == id }
        var sequence = running.remove(at: index)
        if let slot = sequence.slot { cache.release(slot: slot) }
        sequence.pause()
        counters.pauses += 1
        let place = waiting.firstIndex { $0.id.rawValue > id.rawValue } ?? waiting.endIndex
        waiting.insert(sequence, at: place)
    }
}
