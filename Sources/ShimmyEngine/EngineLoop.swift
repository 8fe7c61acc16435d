import ShimmyCore
import Synchronization

/// What can be asked of a running engine.
enum EngineCommand: Sendable {
    /// - stored: what was read from the disk for it, once it was looked for.
    case submit(SequenceID, SequenceRequest, WeakStream, stored: Lookup?)
    case cancel(SequenceID)
    case shutdown

    /// The end of a search in the prefix store.
    struct Lookup: Sendable {
        var prefix: StoredPrefix?
    }
}

/// The engine must not keep a stream alive: dropping it is how a consumer cancels.
final class WeakStream: Sendable {
    private let stream: Mutex<WeakReference>

    private struct WeakReference { weak var stream: TokenStream? }

    init(_ stream: TokenStream) { self.stream = Mutex(WeakReference(stream: stream)) }

    var value: TokenStream? { stream.withLock { $0.stream } }
}

/// Owns the model runner and the scheduler; born on the engine's thread and never leaves it.
final class EngineLoop<Runner: ModelRunner> {
    private var runner: Runner
    private var scheduler: Scheduler
    private var streams: [SequenceID: WeakStream] = [:]
    /// Prefixes from the disk, until their sequences start.
    private var stored: [SequenceID: StoredPrefix] = [:]
    private let mailbox: Mailbox<EngineCommand>
    private let shared: SharedStatistics
    private let store: PrefixStore?
    private let turn: ComputeTurn.Member
    private var stopped = false

    /// Seconds without work after which prefixes are saved.
    private static var restBeforeSaving: Double { 0.5 }

    init(runner: Runner, options: EngineHandle.Options, mailbox: Mailbox<EngineCommand>, shared: SharedStatistics) {
        self.runner = runner
        self.scheduler = Scheduler(
            limits: runner.limits, target: options.target, isDeterministic: options.isDeterministic, savesPrefixes: options.store != nil)
        self.mailbox = mailbox
        self.shared = shared
        self.store = options.store
        turn = ComputeTurn.Member(options.turn)
    }

    /// Runs until it is told to shut down; what is left then is cancelled. Blocks only when there is nothing to do.
    func run() {
        var mayHaveToSave = false
        while !stopped {
            assert(!scheduler.isIdle || scheduler.isConsistent)
            let commands = mailbox.takeAll(!scheduler.isIdle ? .none : mayHaveToSave ? .seconds(Self.restBeforeSaving) : .endless)
            if scheduler.isIdle, commands.isEmpty {
                // One at a time: a request that comes now waits for one copy of memory at most.
                mayHaveToSave = scheduler.nextToSave().map(perform) != nil
                continue
            }
            for command in commands { perform(command) }
            if !scheduler.isIdle {
                turn.perform(step)
                mayHaveToSave = store != nil
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
        while let saving = scheduler.nextToSave() { perform(saving) }
        store?.flush()
    }

    // MARK: Steps

    /// One step: schedule, run, commit.
    /// - others: other engines with streams, which wait for this step.
    private func step(beside others: Int) {
        var step = scheduler.schedule(beside: others)
        publish()  // a step can take a while: what it works on is known before it ends
        perform(&step)
        guard !step.batch.isEmpty else { return }
        let begin = ContinuousClock.now
        let result: StepResult
        do {
            let sampled = try runner.run(step.batch)
            let seconds = (ContinuousClock.now - begin) / .seconds(1)
            result = scheduler.commit(step.batch, sampled: sampled, seconds: seconds, isEndOfGeneration: runner.isEndOfGeneration)
        } catch {
            result = scheduler.fail(step.batch, reason: "\(error)")
        }
        for operation in result.operations { perform(operation) }
        deliver(result.events)
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        shared.countStep(tokens: step.batch.tokenCount, seconds: seconds, modelSeconds: runner.modelSeconds)
    }

    /// Performs a step's operations in order. What cannot be restored leaves the step.
    private func perform(_ step: inout Step) {
        for operation in step.operations {
            if case .restore(let sequence, let slot, let count) = operation {
                if restore(sequence, slot: slot, count: count) { continue }
                step = scheduler.didNotRestore(sequence, in: step)
                for operation in step.operations { runner.perform(operation) }
            } else {
                perform(operation)
            }
        }
    }

    private func perform(_ operation: CacheOperation) {
        guard case .save(let slot, let tokens, let adapters) = operation else { return runner.perform(operation) }
        guard let store, !store.contains(tokens, with: adapters), let state = runner.state(slot: slot) else { return }
        store.write(StoredPrefix(tokens: tokens, state: state), with: adapters, partially: runner.limits.canRewind)
    }

    private func restore(_ sequence: SequenceID, slot: Int, count: Int) -> Bool {
        guard let prefix = stored.removeValue(forKey: sequence), runner.restore(slot: slot, from: prefix.state) else { return false }
        if prefix.tokens.count > count { runner.perform(.truncate(slot: slot, count: count)) }
        shared.countRestored(tokens: count)
        return true
    }

    private func publish() { shared.publish(scheduler) }

    // MARK: Commands and news

    private func perform(_ command: EngineCommand) {
        switch command {
        case .submit(let id, let request, let stream, let lookup):
            submit(id, request, stream, lookup)
        case .cancel(let id):
            guard streams[id] != nil else { return }
            scheduler.cancel(id)
            forget(id)
        case .shutdown:
            stopped = true
        }
    }

    private func submit(_ id: SequenceID, _ request: SequenceRequest, _ stream: WeakStream, _ lookup: EngineCommand.Lookup?) {
        guard let alive = stream.value, !alive.isEnded else { return shared.leave() }
        let partially = runner.limits.canRewind
        if let store, lookup == nil, !request.scoresPrompt,
            store.longestMatch(request.prompt, with: request.adapters, partially: partially)
                >= scheduler.known(of: request.prompt, with: request.adapters) + PrefixCache.worthSaving
        {
            // It comes back when the disk has answered; meanwhile others go on.
            store.read(for: request.prompt, with: request.adapters, partially: partially) { [mailbox] prefix in
                if !mailbox.send(.submit(id, request, stream, stored: .init(prefix: prefix))) { stream.value?.fail(CancellationError()) }
            }
            return
        }
        streams[id] = stream
        stored[id] = lookup?.prefix
        runner.addSequence(id, sampling: request.sampling)
        let common = lookup?.prefix.map { zip($0.tokens, request.prompt).prefix { $0 == $1 }.count } ?? 0
        scheduler.submit(id, request, restorable: min(common, request.prompt.count - 1))
    }

    private func deliver(_ events: [SequenceEvent]) {
        var logprobs: [SequenceID: ArraySlice<TokenLogprobs>] = [:]
        for event in events {
            switch event {
            case .scored(let id, let count):
                if logprobs[id] == nil { logprobs[id] = runner.takeLogprobs(of: id)[...] }
                streams[id]?.value?.yield(scores: Array(logprobs[id]?.prefix(count) ?? []))
                logprobs[id]?.removeFirst(count)
            case .started(let id, let start):
                streams[id]?.value?.start(start)
            case .token(let id, let token):
                if logprobs[id] == nil { logprobs[id] = runner.takeLogprobs(of: id)[...] }
                streams[id]?.value?.yield(token, logprobs: logprobs[id]?.popFirst())
            case .finished(let id, let end):
                streams[id]?.value?.finish(end)
                forget(id)
            case .failed(let id, let reason):
                streams[id]?.value?.fail(EngineError(reason))
                forget(id)
            }
        }
    }

    private func forget(_ id: SequenceID) {
        streams[id] = nil
        stored[id] = nil
        runner.removeSequence(id)
        shared.leave()
    }
}

@available(*, unavailable)
extension EngineLoop: Sendable {}
