package import ShimmyCore

/// How long steps may take. Seconds.
package struct StepTarget: Sendable, Equatable {
    /// Between two tokens of a running stream, whatever else arrives.
    package var gap: Double
    /// Of a step that nobody's stream waits for: how long a new request may wait for the step before it.
    package var prefill: Double

    package init(gap: Double = 0.1, prefill: Double = 1) {
        self.gap = gap
        self.prefill = prefill
    }

    /// Rows of prefill in any step that has some: streams may slow prefill down, never stop it.
    static let leastRows = 16
    /// Rows of prefill beside streams before anything was measured.
    static let firstRows = 32
}

/// What one step does: changes of the cache first, in order, then the batch to compute.
package struct Step: Sendable, Equatable {
    package var operations: [CacheOperation] = []
    package var batch = Batch()
}

/// What a step brought for one sequence.
package enum SequenceEvent: Sendable, Equatable {
    /// The prompt is computed; the first token follows.
    case started(SequenceID, PromptStart)
    /// So many of the prompt's tokens have their log probabilities.
    case scored(SequenceID, Int)
    case token(SequenceID, Token)
    case finished(SequenceID, SequenceEnd)
    case failed(SequenceID, String)
}

/// What the cache had of a prompt.
package struct PromptStart: Sendable, Equatable {
    package var cachedTokens: Int
    package var divergence: Divergence?

    package init(cachedTokens: Int, divergence: Divergence? = nil) {
        self.cachedTokens = cachedTokens
        self.divergence = divergence
    }
}

/// How a sequence ended.
package struct SequenceEnd: Sendable, Equatable {
    package var reason: FinishReason
    /// Every sampled token, an EOG token included.
    package var generated: Int
    package var prediction: PredictionCount

    package init(reason: FinishReason, generated: Int, prediction: PredictionCount = .init()) {
        self.reason = reason
        self.generated = generated
        self.prediction = prediction
    }
}

/// What a step, or the failure of one, brings: changes of the cache to make at once, and news for the streams.
package struct StepResult: Sendable, Equatable {
    package var operations: [CacheOperation] = []
    package var events: [SequenceEvent] = []
}

/// What the scheduler did so far.
package struct SchedulerCounters: Sendable, Equatable {
    package var promptTokens = 0
    package var cachedPromptTokens = 0
    package var generatedTokens = 0
    package var guessedTokens = 0
    package var acceptedTokens = 0
    package var evictions = 0
    package var pauses = 0

    package init() {}
}

/// Decides what each step computes. Pure decisions: no C, no clock, no waiting.
///
/// A step serves every running stream with one token, then prefill of running and waiting sequences as far as the time allows: the owner
/// that was served least comes first, and of an owner's prompts the shortest, unless a longer one has waited for its turn long enough.
/// When cells run out, idle prefixes are evicted; when there are none, the youngest sequence is paused and later resumed: it never fails.
/// A step computes sequences of one adapter set; sets take turns. How a step is planned is in `Scheduler+Planning.swift`, whose turn it is in
/// `Scheduler+Turns.swift`.
package struct Scheduler {
    let limits: RunnerLimits
    let target: StepTarget
    /// One sequence at a time, from an empty cache, in steps whose shapes depend on nothing else: the same request always gets the same
    /// bits, where a model's products round differently for other numbers of rows or another layout of the cells.
    let isDeterministic: Bool
    private let savesPrefixes: Bool
    var cache: PrefixCache
    var stepTimes = StepTimes()
    var shares = FairShare()
    var turns = AdapterTurns()
    /// In the order of arrival; a paused sequence keeps its place.
    var waiting: [SequenceState] = []
    /// In the order of arrival.
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
    /// Slots that hold tokens.
    package var slotsUsed: Int { limits.slots - (0..<limits.slots).count { cache.count(slot: $0) == 0 } }
    var time: StepTimeModel { stepTimes.current }
    /// The invariants of the bookkeeping.
    package var isConsistent: Bool {
        cache.isConsistent && cache.cellsUsed <= limits.cells && cache.busyCount == running.count && running.count <= limits.running
            && running.allSatisfy { sequence in
                sequence.slot.map { cache.count(slot: $0) == sequence.computed && cache.adapters(slot: $0) == sequence.adapters } == true
            }
            && Set(running.filter { !$0.isFlex }.map(\.adapters)).count <= AdapterTurns.most
    }

    /// - restorable: how many tokens of the prompt could be restored from the disk; fewer than all.
    package mutating func submit(_ id: SequenceID, _ request: SequenceRequest, restorable: Int = 0) {
        precondition(request.fits(limits.contextLength) && restorable < request.prompt.count)
        shares.enter(request.owner)
        waiting.append(SequenceState(id: id, request: request, arrival: counters.promptTokens, restorable: isDeterministic ? 0 : restorable))
    }

    /// Forgets a sequence at any stage; what is computed of it stays as an idle prefix.
    package mutating func cancel(_ id: SequenceID) {
        if let index = waiting.firstIndex(where: { $0.id == id }) { shares.leave(waiting.remove(at: index).owner) }
        if let index = running.firstIndex(where: { $0.id == id }) { release(running.remove(at: index)) }
    }

    /// How many of a prompt's tokens lie in cells.
    package func known(of tokens: [Token], with adapters: AdapterSet) -> Int { cache.known(of: tokens, with: adapters).cached }

    /// What to save while there is nothing else to do; nil when everything is.
    package mutating func nextToSave() -> CacheOperation? { cache.nextToSave() }

    /// A prefix could not be restored: its sequence starts from the beginning. Returns the step without it, and what is left to do for it.
    package mutating func didNotRestore(_ id: SequenceID, slot: Int, in step: Step) -> Step {
        var step = step
        step.operations = [cache.empty(slot: slot)]
        pause(id, in: &step)
        if let index = waiting.firstIndex(where: { $0.id == id }) {
            counters.cachedPromptTokens -= waiting[index].cachedPromptTokens ?? 0
            waiting[index].didNotRestore()
        }
        return step
    }

    /// Where what is left of the slots' tokens begins, for models that forget what lies before a window.
    /// - positions: for each slot.
    package mutating func note(firstPositions positions: [Int]) { cache.note(firstPositions: positions) }

    /// Empties the cache after its books turned out not to be consistent. Only while nothing runs.
    /// Returns the operations that empty the runner's slots.
    package mutating func emptyCache() -> [CacheOperation] {
        precondition(running.isEmpty)
        cache = PrefixCache(limits: limits, saves: savesPrefixes)
        return (0..<limits.slots).map { .truncate(slot: $0, count: 0) }
    }

    // MARK: Results

    /// Takes in what a step computed.
    /// - results: one for each chunk, in order. A sequence that failed ends and its cells are given up.
    /// - seconds: how long the step took; nil where nobody measured it.
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

    /// A sequence without a next token would never be planned again.
    private func obstacle(in outcome: ChunkResult, of chunk: Batch.Chunk) -> String? {
        chunk.samples && outcome.tokens.isEmpty && !outcome.isExhausted ? "no token was sampled" : nil
    }

    private mutating func take(
        _ outcome: ChunkResult, of chunk: Batch.Chunk, _ index: Int, _ isEndOfGeneration: (Token) -> Bool, _ result: inout StepResult
    ) {
        let tokens = outcome.tokens
        // A guess after which nothing was drawn is computed again: the token after it is still to come.
        let confirmed = max(0, min(tokens.count - 1, chunk.tokens.suffix(chunk.drafts).countInCommon(with: tokens)))
        keepCells(of: chunk, confirmed: confirmed, &result)
        charge(chunk, index, generated: tokens.count, confirmed: confirmed)
        running[index].didCompute(chunk.tokens.count - chunk.drafts)
        if running[index].takeCheckpoint() { result.operations += cache.addCheckpoint(of: chunk.slot) }
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
        stepTimes.observe(decodeRows: decodeRows, otherRows: batch.tokenCount - decodeRows, seconds: seconds)
    }

    /// Drafts that did not come true have left cells behind that nobody may ever see.
    private mutating func keepCells(of chunk: Batch.Chunk, confirmed: Int, _ result: inout StepResult) {
        let wrong = chunk.drafts - confirmed
        let valid = chunk.tokens.count - wrong
        cache.didCompute(slot: chunk.slot, tokens: Array(chunk.tokens.prefix(valid)))
        if wrong > 0 { result.operations.append(.truncate(slot: chunk.slot, count: chunk.position + valid)) }
        guard chunk.drafts > 0 else { return }
        counters.guessedTokens += chunk.drafts
        counters.acceptedTokens += confirmed
    }

    private mutating func charge(_ chunk: Batch.Chunk, _ index: Int, generated: Int, confirmed: Int) {
        if chunk.continuesStream {
            shares.charge(running[index].owner, FairShare.decodeWeight * Double(generated))
        } else {
            counters.promptTokens += chunk.tokens.count
            shares.charge(running[index].owner, Double(chunk.tokens.count))
        }
        counters.generatedTokens += generated
        if chunk.isPrediction { running[index].countPrediction(guessed: chunk.drafts, accepted: confirmed) }
    }

    /// The sequence goes on by these tokens, as far as its limits allow.
    /// - computed: how many of them the cache has already.
    private mutating func append(
        _ tokens: [Token], computed: Int, _ index: Int, _ isEndOfGeneration: (Token) -> Bool, _ events: inout [SequenceEvent]
    ) {
        let id = running[index].id
        for (offset, token) in tokens.enumerated() {
            running[index].append(token)
            if isEndOfGeneration(token) { return finish(index, .stop, &events) }
            events.append(.token(id, token))
            let sequence = running[index]
            if sequence.generatedCount >= sequence.maximumTokens || sequence.tokens.count >= limits.contextLength {
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
        if let slot = sequence.slot { cache.release(slot: slot) }
    }

    private mutating func fail(_ index: Int, _ reason: String, _ result: inout StepResult) {
        let sequence = running.remove(at: index)
        if let slot = sequence.slot { result.operations.append(cache.empty(slot: slot)) }
        release(sequence)
        result.events.append(.failed(sequence.id, reason))
    }
}
