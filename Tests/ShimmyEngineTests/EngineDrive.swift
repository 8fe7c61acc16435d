import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport

/// Runs a scheduler against a scripted runner, step by step, and checks both after each one.
final class EngineDrive {
    var scheduler: Scheduler
    var runner: ScriptedRunner
    /// The text of each sequence so far, and how it ended.
    var generated: [UInt64: [Token]] = [:]
    var finished: [UInt64: FinishReason] = [:]
    var failed: Set<UInt64> = []
    var cachedPromptTokens: [UInt64: Int] = [:]
    var isConsistent = true
    static let endOfGeneration: Token = 0

    /// The next token counts up from the last one; what `rule` says otherwise.
    init(
        cells: Int = 64, contextLength: Int? = nil, slots: Int = 4, batchTokens: Int = 16, canRewind: Bool = true,
        budget: StepBudget = StepBudget(prefill: 16, mixed: 6), rule: @escaping @Sendable ([Token]) throws -> Token = { $0.last! + 1 }
    ) {
        let limits = RunnerLimits(
            cells: cells, contextLength: contextLength ?? cells, slots: slots, batchTokens: batchTokens, canRewind: canRewind)
        scheduler = Scheduler(limits: limits, budget: budget)
        runner = ScriptedRunner(limits: limits, endOfGeneration: Self.endOfGeneration, rule: rule)
    }

    func submit(_ id: UInt64, _ prompt: [Token], maximumTokens: Int = 4) {
        let request = SequenceRequest(prompt: prompt, maximumTokens: maximumTokens, sampling: SamplingParameters())
        runner.addSequence(SequenceID(id), sampling: request.sampling)
        scheduler.submit(SequenceID(id), request)
    }

    func cancel(_ id: UInt64) {
        scheduler.cancel(SequenceID(id))
        runner.removeSequence(SequenceID(id))
    }

    /// One step; returns what it computed.
    @discardableResult
    func step() -> Batch {
        let step = scheduler.schedule()
        for operation in step.operations { runner.perform(operation) }
        if !step.batch.isEmpty {
            do {
                let sampled = try runner.run(step.batch)
                note(scheduler.commit(step.batch, sampled: sampled) { $0 == Self.endOfGeneration })
            } catch {
                let failure = scheduler.fail(step.batch, reason: "\(error)")
                for operation in failure.operations { runner.perform(operation) }
                note(failure.events)
            }
        }
        isConsistent = isConsistent && scheduler.isConsistent && scheduler.cellsUsed == runner.cellsInUse
        return step.batch
    }

    private func note(_ events: [SequenceEvent]) {
        for event in events {
            switch event {
            case .started(let id, let cached): cachedPromptTokens[id.rawValue] = cached
            case .token(let id, let token): generated[id.rawValue, default: []].append(token)
            case .finished(let id, let reason, _):
                finished[id.rawValue] = reason
                runner.removeSequence(id)
            case .failed(let id, _):
                failed.insert(id.rawValue)
                runner.removeSequence(id)
            }
        }
    }

    /// Steps until nothing is left; false when that takes too many.
    func runToEnd(atMost steps: Int = 2000) -> Bool {
        for _ in 0..<steps {
            if scheduler.isIdle { return true }
            step()
        }
        return scheduler.isIdle
    }
}

extension Batch {
    /// Tokens per sequence.
    var shape: [UInt64: Int] { Dictionary(uniqueKeysWithValues: chunks.map { ($0.sequence.rawValue, $0.tokens.count) }) }
}
