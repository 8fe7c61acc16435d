import Logging
import ShimmyCore
import Synchronization

/// A command to a running engine.
enum EngineCommand: Sendable {
    /// Adds a sequence.
    /// - stored: the result of the search for a stored prefix; nil before the search.
    case submit(SequenceID, SequenceRequest, WeakStream, stored: Lookup?)
    case cancel(SequenceID)
    /// Publishes a summary of the cells.
    case summarizeCells
    case shutdown

    /// The result of a search in the prefix store. `prefix` is nil when there is none or it could not be read.
    struct Lookup: Sendable {
        var prefix: PrefixLease?
    }
}

/// A weak reference to a stream. The engine must not keep a stream alive, since a consumer cancels by dropping it.
final class WeakStream: Sendable {
    private let stream: Mutex<WeakReference>

    private struct WeakReference { weak var stream: TokenStream? }

    init(_ stream: TokenStream) { self.stream = Mutex(WeakReference(stream: stream)) }

    var value: TokenStream? { stream.withLock { $0.stream } }
}

/// The loop of an engine's thread. It owns the runners and the scheduler, is created on that thread and never leaves it.
final class EngineLoop<Runner: ModelRunner> {
    private var runners: EngineRunners<Runner>
    private var scheduler: Scheduler
    private var streams: [SequenceID: WeakStream] = [:]
    private var owners: [SequenceID: Owner] = [:]
    /// The prefixes that were read from the disk, until their sequences start.
    private var stored: [SequenceID: PrefixLease] = [:]
    /// The sequences that no step has computed yet.
    private var unbegun: Set<SequenceID> = []
    /// The times of the first steps of sequences whose prompts are not complete.
    private var begun: [SequenceID: ContinuousClock.Instant] = [:]
    private var copyTime = CopyTime()
    private let mailbox: Mailbox<EngineCommand>
    private let shared: SharedStatistics
    private let store: (any PrefixStorage)?
    private let turn: ComputeTurn.Member
    private let logger: Logger
    private var stopped = false

    /// The part of the time between two tokens of a stream that a step may spend on copying cells for the disk, in addition to its work.
    private static var shareForCopies: Double { 0.25 }
    /// The part of the time between two tokens of a stream that a step may spend on preparing constraints.
    private static var shareForConstraints: Double { 0.2 }
    /// A time limit that no work reaches, in seconds.
    private static var endless: Double { 86400 }
    /// The seconds without work after which prefixes are saved.
    private static var idleSecondsBeforeSaving: Double { 0.5 }

    init(runner: Runner, options: EngineHandle.Options, mailbox: Mailbox<EngineCommand>, shared: SharedStatistics) {
        // Deterministic mode reuses no prefix, so it stores none.
        let store = options.isDeterministic ? nil : options.store
        self.store = store
        runners = EngineRunners(main: runner)
        self.scheduler = Scheduler(
            limits: runner.limits, target: options.target, isDeterministic: options.isDeterministic, savesPrefixes: store != nil)
        self.mailbox = mailbox
        self.shared = shared
        logger = options.logger
        turn = ComputeTurn.Member(options.turn)
        shared.setLimits(scheduler.limits, queue: options.queue, gap: options.target.gap)
    }

    /// Runs until the shutdown command, then cancels all remaining sequences. Blocks only when there is no work.
    func run() {
        var mayHaveToSave = false
        while !stopped {
            let commands = mailbox.takeAll(!scheduler.isIdle ? .none : mayHaveToSave ? .seconds(Self.idleSecondsBeforeSaving) : .endless)
            if scheduler.isIdle, commands.isEmpty {
                // Save one prefix at a time, so that a new request waits for one copy of memory at most.
                mayHaveToSave = saveNext()
                continue
            }
            for command in commands { perform(command) }
            if !scheduler.isIdle {
                turn.perform(step)
                mayHaveToSave = store != nil
                if scheduler.isIdle { checkConsistency() }
            }
            turn.note(streams: scheduler.hasStreams)
            publish()
        }
        end()
    }

    private func end() {
        for case .submit(_, _, let stream, _) in mailbox.close() { stream.value?.fail(CancellationError()) }
        for (id, stream) in streams {
            stream.value?.fail(CancellationError())
            scheduler.cancel(id)
        }
        while let saving = scheduler.nextToSave() {
            if store?.hasRoom == false { store?.flush() }
            save(saving)
        }
        store?.flush()
    }

    /// Saves an idle prefix, unless the disk is behind. Returns whether there may be more to save.
    private func saveNext() -> Bool {
        guard let store else { return false }
        guard store.hasRoom else { return true }
        guard let saving = scheduler.nextToSave() else { return false }
        save(saving)
        return true
    }

    // MARK: Steps

    /// Performs one step: schedule, run, commit.
    /// - others: the number of other engines with streams, which wait for this step.
    private func step(beside others: Int) {
        let begin = ContinuousClock.now
        noteWindows()
        // In deterministic mode, the drawn tokens must not depend on time.
        let patience = scheduler.isDeterministic ? Self.endless : scheduler.target.gap * Self.shareForConstraints
        let held = runners.main.prepareDraws(within: patience)
        var step = scheduler.schedule(
            beside: others, holding: held, spent: (ContinuousClock.now - begin) / .seconds(1), slowdown: runners.main.slowdown)
        publish()  // a step can be slow, so publish its work before it ends
        perform(&step)
        guard !step.batch.isEmpty else { return }
        noteBegun(step.batch, begin)
        let computing = ContinuousClock.now
        let computed = runners[step.model].compute(step.batch)
        report(computed)
        let result = scheduler.commit(
            step.batch, results: computed.results, seconds: (ContinuousClock.now - computing) / .seconds(1),
            isEndOfGeneration: runners.main.isEndOfGeneration)
        for operation in result.operations { perform(operation, on: step.model) }
        deliver(result.events)
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        let decoded = step.batch.chunks.reduce(0) { $0 + ($1.continuesStream ? $1.rowCount : 0) }
        shared.countStep(tokens: step.batch.rowCount, decoded: decoded, seconds: seconds, modelSeconds: runners[step.model].modelSeconds)
    }

    /// Notes the time of the first step of each sequence.
    private func noteBegun(_ batch: Batch, _ time: ContinuousClock.Instant) {
        if unbegun.isEmpty { return }
        for chunk in batch.chunks where unbegun.remove(chunk.sequence) != nil { begun[chunk.sequence] = time }
    }

    private func report(_ computed: ComputedBatch) {
        guard let error = computed.error else { return }
        shared.count {
            $0.failedRuns += computed.failedRuns
            $0.refusedChunks += computed.refused
        }
        logger.error(
            "step failed",
            metadata: [
                "error": "\(error)", "failed_runs": .stringConvertible(computed.failedRuns), "refused_chunks": .stringConvertible(computed.refused),
                "failed_sequences": .stringConvertible(computed.results.count { $0.failure != nil }),
            ])
    }

    /// Checks the scheduler's bookkeeping while nothing runs, and empties the cache when it is inconsistent.
    private func checkConsistency() {
        if scheduler.isConsistent { return }
        shared.count { $0.inconsistencies += 1 }
        logger.error("cache bookkeeping is inconsistent; emptying the cache", metadata: ["cells_used": .stringConvertible(scheduler.cellsUsed)])
        for operation in scheduler.emptyCache() { runners.main.perform(operation) }
    }

    /// Passes the first cached position of each slot to the scheduler. A model with an attention window discards the tokens before it when it needs
    /// their cells, also those of idle prefixes.
    private func noteWindows() {
        guard runners.main.limits.window > 0 else { return }
        scheduler.note(firstPositions: (0..<runners.main.limits.slots).map(runners.main.firstPosition))
    }

    /// Performs a step's operations in order. A sequence whose prefix cannot be restored leaves the step.
    private func perform(_ step: inout Step) {
        copyTime.beginStep()
        for operation in step.operations {
            if case .restore(let sequence, let slot, let length) = operation {
                if restore(sequence, slot: slot, length: length) { continue }
                step = scheduler.didNotRestore(sequence, slot: slot, in: step)
                for operation in step.operations { runners[step.model].perform(operation) }
            } else {
                perform(operation, on: step.model)
            }
        }
    }

    private func perform(_ operation: CacheOperation, on model: EngineModel) {
        guard case .save(_, let units, _) = operation else { return runners[model].perform(operation) }
        // The cells are needed now. A prefix is discarded unsaved when the disk is behind or streams would have to wait.
        let hasTime = !scheduler.hasStreams || copyTime.allows(units: units.count, within: scheduler.target.gap * Self.shareForCopies)
        if hasTime, store?.hasRoom == true { save(operation) }
    }

    /// Copies a slot's cells and queues them for writing.
    private func save(_ operation: CacheOperation) {
        guard let store, case .save(let slot, let units, let adapters) = operation, !store.contains(units, with: adapters) else { return }
        let begin = ContinuousClock.now
        guard let state = runners.main.state(slot: slot) else { return }
        copyTime.observe(units: units.count, seconds: (ContinuousClock.now - begin) / .seconds(1))
        store.write(StoredPrefix(units: units, state: state), with: adapters, partially: runners.main.limits.storesParts)
    }

    private func restore(_ sequence: SequenceID, slot: Int, length: PrefixLength) -> Bool {
        guard let prefix = stored.removeValue(forKey: sequence)?.prefix, runners.main.restore(slot: slot, from: prefix.state) else { return false }
        if prefix.units.count > length.cells { runners.main.perform(.truncate(slot: slot, length: length)) }
        // The cells of a longer prefix may lack tokens that the remaining ones attend to.
        guard runners.main.limits.hasWindow(before: length.positions, from: runners.main.firstPosition(slot: slot)) else {
            runners.main.perform(.truncate(slot: slot, length: 0))
            return false
        }
        shared.countRestored(tokens: length.cells)
        return true
    }

    private func publish() { shared.publish(scheduler) }

    // MARK: Commands and events

    private func perform(_ command: EngineCommand) {
        switch command {
        case .submit(let id, let request, let stream, let lookup):
            submit(id, request, stream, lookup)
        case .cancel(let id):
            guard streams[id] != nil else { return }
            scheduler.cancel(id)
            forget(id)
        case .summarizeCells:
            shared.publish(scheduler.cellSegments(atMost: CellSegment.most))
        case .shutdown:
            stopped = true
        }
    }

    private func submit(_ id: SequenceID, _ request: SequenceRequest, _ stream: WeakStream, _ lookup: EngineCommand.Lookup?) {
        guard let alive = stream.value, !alive.isEnded else { return shared.leave(of: request.owner) }
        if let lookup { return enter(id, request, stream, lookup.prefix) }
        guard let store, !request.scoresPrompt,
            let found = store.find(request.prompt, with: request.adapters, partially: runners.main.limits.storesParts),
            isWorthRestoring(found.count, for: request)
        else { return enter(id, request, stream, nil) }
        // The command returns to the mailbox after the read. Other sequences continue meanwhile.
        found.read { [mailbox] lease in
            if !mailbox.send(.submit(id, request, stream, stored: .init(prefix: lease))) { stream.value?.fail(CancellationError()) }
        }
    }

    private func enter(_ id: SequenceID, _ request: SequenceRequest, _ stream: WeakStream, _ lease: PrefixLease?) {
        streams[id] = stream
        owners[id] = request.owner
        unbegun.insert(id)
        runners.addSequence(id, sampling: request.sampling)
        let common = lease?.prefix.units.countInCommon(with: request.prompt.units) ?? 0
        let restorable = request.prompt.boundary(atMost: min(common, request.prompt.count - 1))
        // Other sequences may have computed as many units during the read.
        let isWanted = isWorthRestoring(restorable, for: request)
        if isWanted { stored[id] = lease }
        scheduler.submit(id, request, restorable: isWanted ? restorable : 0)
    }

    private func isWorthRestoring(_ count: Int, for request: SequenceRequest) -> Bool {
        PrefixCache.isWorthRestoring(count, besides: scheduler.known(of: request.prompt, with: request.adapters))
    }

    private func deliver(_ events: [SequenceEvent]) {
        var logprobs: [SequenceID: ArraySlice<TokenLogprobs>] = [:]
        for event in events {
            switch event {
            case .scored(let id, let count):
                if logprobs[id] == nil { logprobs[id] = runners.main.takeLogprobs(of: id)[...] }
                streams[id]?.value?.yield(scores: Array(logprobs[id]?.prefix(count) ?? []))
                logprobs[id]?.removeFirst(count)
            case .started(let id, let start):
                stored[id] = nil
                var start = start
                start.begun = begun.removeValue(forKey: id)
                streams[id]?.value?.start(start)
            case .token(let id, let token):
                if logprobs[id] == nil { logprobs[id] = runners.main.takeLogprobs(of: id)[...] }
                streams[id]?.value?.yield(token, logprobs: logprobs[id]?.popFirst())
            case .finished(let id, let end):
                streams[id]?.value?.finish(end)
                forget(id)
            case .failed(let id, let reason):
                shared.count { $0.failedSequences += 1 }
                logger.error("sequence failed", metadata: ["sequence": .stringConvertible(Int(clamping: id.rawValue)), "reason": "\(reason)"])
                streams[id]?.value?.fail(EngineError(reason))
                forget(id)
            }
        }
    }

    private func forget(_ id: SequenceID) {
        streams[id] = nil
        stored[id] = nil
        begun[id] = nil
        unbegun.remove(id)
        runners.removeSequence(id)
        if let owner = owners.removeValue(forKey: id) { shared.leave(of: owner) }
    }
}

@available(*, unavailable)
extension EngineLoop: Sendable {}
