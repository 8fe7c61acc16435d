package import ShimmyCore

/// The planner of an engine's steps. Its decisions are pure: it calls no C code, reads no clock and never waits.
///
/// A step computes one token for every running stream, then prefill of running and waiting sequences as far as the time allows. The owner with the
/// least service comes first, and the shortest prompt of an owner comes first, unless a longer one has waited long enough. When cells run out, the
/// scheduler evicts idle prefixes; when there are none, it preempts the youngest sequence and resumes it later. It never fails a sequence for lack
/// of cells. A step computes sequences of one adapter set; sets take turns. `Scheduler+Planning.swift` plans a step, `Scheduler+Turns.swift`
/// chooses the adapter set.
package struct Scheduler {
    let limits: RunnerLimits
    let target: StepTarget
    /// Whether sequences run one at a time, from an empty cache, in steps whose shapes depend on nothing else. The same request then always gets
    /// the same bits, even where a model's products round differently for another number of rows or another layout of the cells.
    let isDeterministic: Bool
    private let savesPrefixes: Bool
    var cache: PrefixCache
    var stepTimes = StepTimes()
    var shares = FairShare()
    var turns = AdapterTurns()
    /// The drafts of all sequences, running and waiting.
    var drafts = TextDrafts()
    /// In order of arrival. A preempted sequence keeps its position.
    var waiting: [SequenceState] = []
    /// In order of arrival.
    var running: [SequenceState] = []
    package internal(set) var counters = SchedulerCounters()

    package init(limits: RunnerLimits, target: StepTarget = StepTarget(), isDeterministic: Bool = false, savesPrefixes: Bool = false) {
        var limits = limits
        if isDeterministic { limits.running = 1 }
        self.isDeterministic = isDeterministic
        self.savesPrefixes = savesPrefixes
        self.limits = limits
        self.target = target
        self.cache = PrefixCache(limits: limits, saves: savesPrefixes)
    }

    package var isIdle: Bool { waiting.isEmpty && running.isEmpty }
    package var runningCount: Int { running.count }
    package var hasStreams: Bool { running.contains(where: \.isDecoding) }
    package var waitingCount: Int { waiting.count }
    package var cellsUsed: Int { cache.cellsUsed }
    /// The number of cells that sharing saves: those that slots use, less those that have a content.
    package var cellsShared: Int { (0..<limits.slots).reduce(0) { $0 + cache.count(slot: $1) } - cache.cellsUsed }
    /// The number of slots that are not empty.
    package var slotsUsed: Int { limits.slots - (0..<limits.slots).count { cache.count(slot: $0) == 0 } }
    var time: StepTimeModel { stepTimes.current }
    /// Whether the bookkeeping satisfies its invariants.
    package var isConsistent: Bool {
        cache.isConsistent && cache.cellsUsed <= limits.cells && cache.busyCount == running.count && running.count <= limits.running
            && running.allSatisfy { sequence in
                sequence.slot.map { cache.count(slot: $0) == sequence.computed && cache.adapters(slot: $0) == sequence.adapters } == true
            }
            && Set(running.filter { !$0.isFlex }.map(\.adapters)).count <= AdapterTurns.maxSets
    }

    /// Adds a new sequence to the waiting ones.
    /// - restorable: how many units of the prompt can be restored from the disk; fewer than all.
    package mutating func submit(_ id: SequenceID, _ request: SequenceRequest, restorable: Int = 0) {
        precondition(request.fits(limits) && restorable < request.prompt.count)
        shares.enter(request.owner)
        drafts.begin(id, request)
        waiting.append(SequenceState(id: id, request: request, arrival: counters.promptTokens, restorable: isDeterministic ? 0 : restorable))
    }

    /// Removes a sequence at any stage. Its computed units stay in the cache as an idle prefix.
    package mutating func cancel(_ id: SequenceID) {
        if let index = waiting.firstIndex(where: { $0.id == id }) {
            shares.leave(waiting.remove(at: index).owner)
            drafts.end(id)
        }
        if let index = running.firstIndex(where: { $0.id == id }) { release(running.remove(at: index)) }
    }

    /// Returns how many of a prompt's units are in cells.
    package func known(of prompt: Prompt, with adapters: AdapterSet) -> Int { cache.known(of: prompt, with: adapters).cached }

    /// Returns the next idle prefix to save; nil when all are saved. The engine calls it when it has no other work.
    package mutating func nextToSave() -> CacheOperation? { cache.nextToSave() }

    /// Sends a sequence back to waiting after its prefix could not be restored; it then starts from the beginning. Returns the step without the
    /// sequence, with the operations that remain to be performed for it.
    package mutating func didNotRestore(_ id: SequenceID, slot: Int, in step: Step) -> Step {
        var step = step
        step.operations = [cache.empty(slot: slot)]
        step.batch.remove(id)
        preempt(id)
        if let index = waiting.firstIndex(where: { $0.id == id }) {
            counters.cachedPromptTokens -= waiting[index].cachedPromptTokens ?? 0
            waiting[index].didNotRestore()
        }
        return step
    }

    /// Records where the remaining units of each slot begin, for models that discard tokens before an attention window.
    /// - positions: one for each slot.
    package mutating func note(firstPositions positions: [Int]) { cache.note(firstPositions: positions) }

    /// Empties the cache after its bookkeeping turned out to be inconsistent. Call it only while nothing runs. Returns the operations that empty
    /// the runner's slots.
    package mutating func emptyCache() -> [CacheOperation] {
        precondition(running.isEmpty)
        cache = PrefixCache(limits: limits, saves: savesPrefixes)
        return (0..<limits.slots).map { .truncate(slot: $0, length: 0) }
    }

    // MARK: Results

    /// Applies the results of a step.
    /// - results: one for each chunk, in order. A failed sequence ends and its cells are freed.
    /// - seconds: the duration of the step; nil when it was not measured.
    package mutating func commit(
        _ batch: Batch, results: [ChunkResult], seconds: Double? = nil, isEndOfGeneration: (Token) -> Bool
    ) -> StepResult {
        var result = StepResult()
        if let seconds, results.allSatisfy({ $0.failure == nil }) { observe(batch, seconds) }
        for (chunk, outcome) in zip(batch.chunks, results) {
            guard let index = running.firstIndex(where: { $0.id == chunk.sequence }) else { continue }
            if let reason = outcome.failure ?? obstacle(in: outcome, of: chunk) {
                fail(index, reason, &result)
            } else {
                take(outcome, of: chunk, index, isEndOfGeneration, &result)
            }
        }
        return result
    }

    /// Returns an error for a chunk that had to sample a token and has none; nil for a valid result. Without a next token the sequence would never
    /// be planned again.
    private func obstacle(in outcome: ChunkResult, of chunk: Batch.Chunk) -> String? {
        chunk.samples && outcome.tokens.isEmpty && !outcome.isExhausted ? "no token was sampled" : nil
    }

    private mutating func take(
        _ outcome: ChunkResult, of chunk: Batch.Chunk, _ index: Int, _ isEndOfGeneration: (Token) -> Bool, _ result: inout StepResult
    ) {
        let tokens = outcome.tokens
        // If nothing was sampled after a draft, the token after the draft is still missing. The draft is computed again.
        let confirmed = max(0, min(tokens.count - 1, chunk.tokens.suffix(chunk.drafts).countInCommon(with: tokens)))
        keepCells(of: chunk, confirmed: confirmed, &result)
        charge(chunk, index, generated: tokens.count, confirmed: confirmed)
        running[index].didCompute(chunk.rowCount - chunk.drafts)
        if running[index].takeCheckpoint() { result.operations += cache.addCheckpoint(of: chunk.slot, length: running[index].computedLength) }
        if let scores = chunk.scores {
            running[index].didScore(scores.tokens.count)
            result.events.append(.scored(chunk.sequence, scores.tokens.count))
        }
        guard chunk.samples || running[index].isComputedOnly else { return }
        if running[index].generatedCount == 0 {
            let cached = running[index].cachedPromptTokens ?? 0
            result.events.append(.started(chunk.sequence, PromptStart(cachedTokens: cached, divergence: running[index].divergence)))
        }
        if running[index].isComputedOnly { return finish(index, .length, &result.events) }
        append(tokens, computed: confirmed, index, isEndOfGeneration, &result.events)
        if outcome.isExhausted, let left = running.firstIndex(where: { $0.id == chunk.sequence }) { finish(left, .stop, &result.events) }
    }

    private mutating func observe(_ batch: Batch, _ seconds: Double) {
        let decodeRows = batch.chunks.count(where: \.continuesStream)
        stepTimes.observe(decodeRows: decodeRows, otherRows: batch.rowCount - decodeRows, seconds: seconds)
    }

    /// Removes the cells of rejected drafts, which no sequence may ever see.
    private mutating func keepCells(of chunk: Batch.Chunk, confirmed: Int, _ result: inout StepResult) {
        let rejected = chunk.drafts - confirmed
        let valid = chunk.rowCount - rejected
        cache.didCompute(slot: chunk.slot, units: chunk.units.prefix(valid))
        // Drafts are in chunks of text.
        if rejected > 0 { result.operations.append(.truncate(slot: chunk.slot, length: chunk.start.adding(tokens: valid))) }
        guard chunk.drafts > 0 else { return }
        counters.draftedTokens += chunk.drafts
        counters.acceptedTokens += confirmed
    }

    private mutating func charge(_ chunk: Batch.Chunk, _ index: Int, generated: Int, confirmed: Int) {
        if chunk.continuesStream {
            shares.charge(running[index].owner, FairShare.decodeWeight * Double(generated))
        } else {
            counters.promptTokens += chunk.rowCount
            running[index].didPrefill(chunk.rowCount)
            shares.charge(running[index].owner, Double(chunk.rowCount))
        }
        counters.generatedTokens += generated
        if chunk.isPrediction { running[index].countPrediction(drafted: chunk.drafts, accepted: confirmed) }
    }

    /// Appends sampled tokens to the sequence, as far as its limits allow.
    /// - computed: how many of them are already in the cache.
    private mutating func append(
        _ tokens: [Token], computed: Int, _ index: Int, _ isEndOfGeneration: (Token) -> Bool, _ events: inout [SequenceEvent]
    ) {
        let id = running[index].id
        for (offset, token) in tokens.enumerated() {
            running[index].append(token)
            drafts.didAppend(to: id, running[index].known)
            if isEndOfGeneration(token) { return finish(index, .stop, &events) }
            events.append(.token(id, token))
            if running[index].generatedCount >= running[index].maximumTokens || running[index].known.count >= limits.contextLength {
                return finish(index, .length, &events)
            }
            if offset < computed { running[index].didCompute(1) }
        }
        running[index].force(max(0, tokens.count - computed - 1))
    }

    private mutating func finish(_ index: Int, _ reason: FinishReason, _ events: inout [SequenceEvent]) {
        let sequence = running.remove(at: index)
        let end = SequenceEnd(reason: reason, generated: sequence.generatedCount, prediction: sequence.predictionTokens)
        events.append(.finished(sequence.id, end))
        release(sequence)
    }

    private mutating func release(_ sequence: SequenceState) {
        shares.leave(sequence.owner)
        drafts.end(sequence.id)
        if let slot = sequence.slot { cache.release(slot: slot) }
    }

    private mutating func fail(_ index: Int, _ reason: String, _ result: inout StepResult) {
        let sequence = running.remove(at: index)
        if let slot = sequence.slot { result.operations.append(cache.empty(slot: slot)) }
        release(sequence)
        result.events.append(.failed(sequence.id, reason))
    }
}
