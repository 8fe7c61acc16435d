package import ShimmyCore

/// How much work a step may hold.
package struct StepBudget: Sendable, Equatable {
    /// Tokens of a step when nobody's stream is running.
    package var prefill: Int
    /// Tokens of a step while streams are running: a small prefill share keeps their gaps short.
    package var mixed: Int

    package init(prefill: Int = 256, mixed: Int = 64) {
        self.prefill = prefill
        self.mixed = mixed
    }
}

/// What one step does: changes of the cache first, in order, then the batch to compute.
package struct Step: Sendable, Equatable {
    package var operations: [CacheOperation] = []
    package var batch = Batch()
}

/// What a step brought for one sequence.
package enum SequenceEvent: Sendable, Equatable {
    /// The prompt is computed; the first token follows.
    case started(SequenceID, cachedPromptTokens: Int)
    case token(SequenceID, Token)
    /// The end; `generated` counts every sampled token, an EOG token included.
    case finished(SequenceID, FinishReason, generated: Int)
    case failed(SequenceID, String)
}

/// Decides what each step computes. Pure decisions: no C, no clock, no waiting.
///
/// A step serves (1) every running stream with one token, (2) prefill of admitted sequences in the order of their arrival,
/// (3) waiting sequences, as long as slots, cells and the budget last. When cells run out, idle prefixes are evicted;
/// when there are none, the youngest sequence is paused and later resumed: it is never failed.
package struct Scheduler {
    private let limits: RunnerLimits
    private let budget: StepBudget
    private var cache: PrefixCache
    /// In the order of arrival; a paused sequence keeps its place.
    private var waiting: [SequenceState] = []
    private var running: [SequenceState] = []

    package init(limits: RunnerLimits, budget: StepBudget = StepBudget()) {
        self.limits = limits
        self.budget = budget
        self.cache = PrefixCache(slots: limits.slots, canRewind: limits.canRewind)
    }

    package var isIdle: Bool { waiting.isEmpty && running.isEmpty }
    package var runningCount: Int { running.count }
    package var waitingCount: Int { waiting.count }
    package var cellsUsed: Int { cache.cellsUsed }
    /// The invariants of the bookkeeping.
    package var isConsistent: Bool {
        cache.isConsistent && cache.cellsUsed <= limits.cells && cache.busyCount == running.count
            && running.allSatisfy { $0.slot.map { slot in cache.count(slot: slot) } == $0.computed }
    }

    package mutating func submit(_ id: SequenceID, _ request: SequenceRequest) {
        precondition(request.prompt.count < limits.contextLength)
        waiting.append(SequenceState(id: id, request: request))
    }

    /// Forgets a sequence at any stage; what is computed of it stays as an idle prefix.
    package mutating func cancel(_ id: SequenceID) {
        waiting.removeAll { $0.id == id }
        if let index = running.firstIndex(where: { $0.id == id }) { release(running.remove(at: index)) }
    }

    // MARK: Planning

    package mutating func schedule() -> Step {
        var step = Step()
        let decoding = running.contains { $0.isDecoding }
        var tokensLeft = min(decoding ? budget.mixed : budget.prefill, limits.batchTokens)
        planDecode(into: &step, tokensLeft: &tokensLeft)
        planPrefill(into: &step, tokensLeft: &tokensLeft)
        admitWaiting(into: &step, tokensLeft: &tokensLeft)
        return step
    }

    private mutating func planDecode(into step: inout Step, tokensLeft: inout Int) {
        for id in running.filter(\.isDecoding).map(\.id) {
            guard tokensLeft > 0 else { return }
            plan(id, count: 1, into: &step, tokensLeft: &tokensLeft)
        }
    }

    private mutating func planPrefill(into step: inout Step, tokensLeft: inout Int) {
        for sequence in running where !sequence.isDecoding {
            guard tokensLeft > 0 else { return }
            plan(sequence.id, count: min(sequence.pendingCount, tokensLeft), into: &step, tokensLeft: &tokensLeft)
        }
    }

    private mutating func admitWaiting(into step: inout Step, tokensLeft: inout Int) {
        var index = 0
        while tokensLeft > 0, index < waiting.count, cache.hasIdleSlot {
            let next = waiting[index]
            let known = cache.known(of: next.tokens)
            if isBeingComputed(next.tokens, beyond: known.cached) {
                index += 1  // whoever waits behind it may go first
                continue
            }
            // A sequence starts only when all its known tokens fit; pausing others for it would only move the trouble.
            let needed = running.reduce(cache.busyCells) { $0 + $1.pendingCount } + next.tokens.count - known.busy
            guard needed <= limits.cells || running.isEmpty, let place = cache.acquire(for: next.tokens) else { return }
            step.operations += place.operations
            var sequence = waiting.remove(at: index)
            sequence.start(slot: place.slot, cached: place.cached)
            running.insert(sequence, at: running.firstIndex { $0.id.rawValue > sequence.id.rawValue } ?? running.endIndex)
            plan(sequence.id, count: min(sequence.pendingCount, tokensLeft), into: &step, tokensLeft: &tokensLeft)
        }
    }

    /// Whether a running prefill is about to compute a good deal more of these tokens: then it is cheaper to wait and share.
    /// Of several requests with one new prefix only the first computes it.
    private func isBeingComputed(_ tokens: [Token], beyond cached: Int) -> Bool {
        guard limits.canRewind else { return false }
        return running.contains { other in
            guard other.pendingCount > 1 else { return false }
            let common = min(zip(other.tokens, tokens).prefix { $0 == $1 }.count, tokens.count - 1)
            // What it has computed itself is no reason not to wait for the rest.
            let otherwiseCached = cached <= other.computed ? 0 : cached
            return other.computed < common && common >= otherwiseCached + Self.worthWaitingFor
        }
    }

    /// Tokens; fewer are computed again sooner than they are waited for.
    private static let worthWaitingFor = 32

    /// Adds `count` tokens of a sequence to the step, freeing cells for them if need be.
    private mutating func plan(_ id: SequenceID, count: Int, into step: inout Step, tokensLeft: inout Int) {
        guard let sequence = running.first(where: { $0.id == id }), let slot = sequence.slot else { return }
        guard makeRoom(for: count, keeping: id, step: &step) else { return }
        let range = sequence.computed..<sequence.computed + count
        step.batch.chunks.append(
            Batch.Chunk(
                sequence: id, slot: slot, position: range.lowerBound, tokens: Array(sequence.tokens[range]),
                samples: range.upperBound == sequence.tokens.count))
        tokensLeft -= count
    }

    /// Frees cells until `count` more fit beside the step's: idle prefixes first, then the youngest sequence but `id`.
    /// Returns false when `id` itself is the youngest and has to wait.
    private mutating func makeRoom(for count: Int, keeping id: SequenceID, step: inout Step) -> Bool {
        while cache.cellsUsed + step.batch.tokenCount + count > limits.cells {
            if let eviction = cache.evict() {
                step.operations.append(eviction)
            } else if let youngest = running.last {
                pause(youngest.id, in: &step)
                if youngest.id == id { return false }
            } else {
                return false
            }
        }
        return true
    }

    private mutating func pause(_ id: SequenceID, in step: inout Step) {
        guard let index = running.firstIndex(where: { $0.id == id }) else { return }
        step.batch.chunks.removeAll { $0.sequence == id }
        var sequence = running.remove(at: index)
        if let slot = sequence.slot {
            step.operations.append(cache.empty(slot: slot))
            cache.release(slot: slot)
        }
        sequence.pause()
        let place = waiting.firstIndex { $0.id.rawValue > id.rawValue } ?? waiting.endIndex
        waiting.insert(sequence, at: place)
    }

    // MARK: Results

    /// Takes in what a step computed. `sampled` has one token for each chunk that samples, in order.
    package mutating func commit(_ batch: Batch, sampled: [Token], isEndOfGeneration: (Token) -> Bool) -> [SequenceEvent] {
        var events: [SequenceEvent] = []
        var samples = sampled.makeIterator()
        for chunk in batch.chunks {
            let token = chunk.samples ? samples.next() : nil
            guard let index = running.firstIndex(where: { $0.id == chunk.sequence }) else { continue }
            cache.didCompute(slot: chunk.slot, tokens: chunk.tokens)
            running[index].didCompute(chunk.tokens.count)
            guard let token else { continue }
            if running[index].generatedCount == 0 {
                events.append(.started(chunk.sequence, cachedPromptTokens: running[index].cachedPromptTokens ?? 0))
            }
            running[index].append(token)
            if isEndOfGeneration(token) {
                finish(index, .stop, &events)
                continue
            }
            events.append(.token(chunk.sequence, token))
            let sequence = running[index]
            if sequence.generatedCount >= sequence.maximumTokens || sequence.tokens.count >= limits.contextLength {
                finish(index, .length, &events)
            }
        }
        return events
    }

    private mutating func finish(_ index: Int, _ reason: FinishReason, _ events: inout [SequenceEvent]) {
        let sequence = running.remove(at: index)
        events.append(.finished(sequence.id, reason, generated: sequence.generatedCount))
        release(sequence)
    }

    private mutating func release(_ sequence: SequenceState) {
        if let slot = sequence.slot { cache.release(slot: slot) }
    }

    /// Takes in that a batch could not be computed: its sequences fail and their cells are given up.
    package mutating func fail(_ batch: Batch, reason: String) -> (operations: [CacheOperation], events: [SequenceEvent]) {
        var operations: [CacheOperation] = []
        var events: [SequenceEvent] = []
        for chunk in batch.chunks {
            guard let index = running.firstIndex(where: { $0.id == chunk.sequence }) else { continue }
            let sequence = running.remove(at: index)
            operations.append(cache.empty(slot: chunk.slot))
            release(sequence)
            events.append(.failed(sequence.id, reason))
        }
        return (operations, events)
    }
}
