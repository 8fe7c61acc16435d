import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport

/// Runs a scheduler against a scripted runner, step by step, and checks both after each step.
final class EngineDrive {
    var scheduler: Scheduler
    var runner: ScriptedRunner
    /// The generated tokens of each sequence so far.
    var generated: [UInt64: [Token]] = [:]
    var finished: [UInt64: FinishReason] = [:]
    var failed: Set<UInt64> = []
    var cachedPromptTokens: [UInt64: Int] = [:]
    var divergences: [UInt64: Divergence] = [:]
    /// The log probabilities of prompts.
    var scores: [UInt64: [TokenLogprobs]] = [:]
    var isConsistent = true
    /// The number of chunks that exceeded the runner's limits.
    var refused = 0
    /// The token counts of the clients' predictions, as reported when the sequences end.
    var predictions: [UInt64: PredictionCount] = [:]
    /// The prefixes that are restored from the disk when their sequences start; nil if the file is damaged.
    var stored: [UInt64: [Token]?] = [:]
    var restored = 0
    /// The number of consecutive steps that computed nothing although there was work, and its max.
    var (emptySteps, mostEmptySteps) = (0, 0)
    let timing: Timing?
    static let endOfGeneration: Token = 0

    /// The duration of a simulated step in seconds: per step, per row of a stream, and per other row.
    struct Timing {
        var step = 0.0
        var stream = 0.0
        var row = 0.0
    }

    /// Creates a drive. By default the next token is the last one plus 1; `rule` replaces that.
    init(
        cells: Int = 64, contextLength: Int? = nil, slots: Int = 4, batchTokens: Int = 16, canRewind: Bool = true,
        running: Int? = nil, timing: Timing? = nil, isDeterministic: Bool = false, outputs: Int? = nil, window: Int = 0,
        rule: @escaping @Sendable ([Token]) throws -> Token = { $0.last! + 1 }, forced: @escaping @Sendable ([Token]) -> Int = { _ in 0 }
    ) {
        let limits = RunnerLimits(
            cells: cells, contextLength: contextLength ?? cells, slots: slots, running: running, batchTokens: batchTokens, outputs: outputs,
            canRewind: canRewind, window: window)
        scheduler = Scheduler(limits: limits, isDeterministic: isDeterministic)
        self.timing = timing
        runner = ScriptedRunner(limits: limits, endOfGeneration: Self.endOfGeneration, rule: rule, forced: forced)
    }

    func submit(
        _ id: UInt64, _ prompt: [Token], maximumTokens: Int = 4, owner: Owner = .common, isFlex: Bool = false, prediction: [Token] = [],
        scoresPrompt: Bool = false, probes: [Token] = [], landmarks: [Int] = [], adapters: AdapterSet = .none, restorable: Int = 0,
        isDamaged: Bool = false
    ) {
        var request = SequenceRequest(
            prompt: prompt, maximumTokens: maximumTokens, sampling: SamplingParameters(), owner: owner, isFlex: isFlex, prediction: prediction)
        request.scoresPrompt = scoresPrompt
        request.probes = probes
        request.landmarks = landmarks
        request.adapters = adapters
        runner.addSequence(SequenceID(id), sampling: request.sampling)
        if restorable > 0 { stored[id] = .some(isDamaged ? nil : Array(prompt.prefix(restorable))) }
        scheduler.submit(SequenceID(id), request, restorable: restorable)
    }

    /// Submits a prompt with media.
    func submit(_ id: UInt64, _ prompt: Prompt, maximumTokens: Int = 4, landmarks: [Int] = []) {
        var request = SequenceRequest(prompt: prompt, maximumTokens: maximumTokens, sampling: SamplingParameters())
        request.landmarks = landmarks
        runner.addSequence(SequenceID(id), sampling: request.sampling)
        scheduler.submit(SequenceID(id), request)
    }

    func cancel(_ id: UInt64) {
        scheduler.cancel(SequenceID(id))
        runner.removeSequence(SequenceID(id))
    }

    /// Runs one step and returns the batch that it computed.
    /// - slowdown: the scheduler's expected duration of the step, as a multiple of the usual one.
    /// - factor: the actual duration of the step, as a multiple of the usual one.
    @discardableResult
    func step(beside others: Int = 0, holding held: Set<UInt64> = [], slowdown: Double = 1, lasting factor: Double = 1) -> Batch {
        let wasIdle = scheduler.isIdle
        scheduler.note(firstPositions: (0..<runner.limits.slots).map(runner.firstPosition))
        var step = scheduler.schedule(beside: others, holding: Set(held.map(SequenceID.init)), slowdown: slowdown)
        perform(&step)
        emptySteps = step.batch.isEmpty && !wasIdle ? emptySteps + 1 : 0
        mostEmptySteps = max(mostEmptySteps, emptySteps)
        if !step.batch.isEmpty {
            let computed = runner.compute(step.batch)
            refused += computed.refused
            let seconds = seconds(step.batch).map { $0 * factor }
            let result = scheduler.commit(step.batch, results: computed.results, seconds: seconds) { $0 == Self.endOfGeneration }
            for operation in result.operations { runner.perform(operation) }
            note(result.events)
        }
        isConsistent = isConsistent && refused == 0 && scheduler.isConsistent && scheduler.cellsUsed == runner.cellsInUse
        return step.batch
    }

    private func perform(_ step: inout Step) {
        for operation in step.operations {
            guard case .restore(let id, let slot, _) = operation else {
                runner.perform(operation)
                continue
            }
            if let tokens = stored[id.rawValue] ?? nil, runner.restore(slot: slot, from: tokens.map { UInt8($0) }) {
                restored += 1
            } else {
                step = scheduler.didNotRestore(id, slot: slot, in: step)
                for operation in step.operations { runner.perform(operation) }
            }
        }
    }

    private func seconds(_ batch: Batch) -> Double? {
        let streams = batch.chunks.count(where: \.continuesStream)
        return timing.map { $0.step + $0.stream * Double(streams) + $0.row * Double(batch.rowCount - streams) }
    }

    private func note(_ events: [SequenceEvent]) {
        for event in events {
            switch event {
            case .started(let id, let start):
                cachedPromptTokens[id.rawValue] = start.cachedTokens
                divergences[id.rawValue] = start.divergence
            case .scored(let id, let count): scores[id.rawValue, default: []] += runner.takeLogprobs(of: id).prefix(count)
            case .token(let id, let token): generated[id.rawValue, default: []].append(token)
            case .finished(let id, let end):
                finished[id.rawValue] = end.reason
                predictions[id.rawValue] = end.prediction
                runner.removeSequence(id)
            case .failed(let id, _):
                failed.insert(id.rawValue)
                runner.removeSequence(id)
            }
        }
    }

    /// Runs steps until no work remains. Returns false if that takes more than `steps` steps.
    func runToEnd(atMost steps: Int = 2000) -> Bool {
        for _ in 0..<steps {
            if scheduler.isIdle { return true }
            step()
        }
        return scheduler.isIdle
    }
}

extension Batch {
    /// The number of tokens per sequence.
    var shape: [UInt64: Int] { Dictionary(uniqueKeysWithValues: chunks.map { ($0.sequence.rawValue, $0.tokens.count) }) }
}
