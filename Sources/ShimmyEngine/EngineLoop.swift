import ShimmyCore
import Synchronization

/// What can be asked of a running engine.
enum EngineCommand: Sendable {
    case submit(SequenceID, SequenceRequest, WeakStream)
    case cancel(SequenceID)
    case shutdown
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
    private let mailbox: Mailbox<EngineCommand>
    private let shared: SharedStatistics
    private var stopped = false

    init(runner: Runner, options: EngineHandle.Options, mailbox: Mailbox<EngineCommand>, shared: SharedStatistics) {
        self.runner = runner
        self.scheduler = Scheduler(limits: runner.limits, target: options.target, isDeterministic: options.isDeterministic)
        self.mailbox = mailbox
        self.shared = shared
    }

    /// Runs until it is told to shut down; what is left then is cancelled. Blocks only when there is nothing to do.
    func run() {
        while !stopped {
            assert(!scheduler.isIdle || scheduler.isConsistent)
            for command in mailbox.takeAll(wait: scheduler.isIdle) { perform(command) }
            if !scheduler.isIdle { step() }
            publish()
        }
        for case .submit(_, _, let stream) in mailbox.close() { stream.value?.fail(CancellationError()) }
        for stream in streams.values { stream.value?.fail(CancellationError()) }
    }

    /// One step: schedule, run, commit.
    private func step() {
        let step = scheduler.schedule()
        publish()  // a step can take a while: what it works on is known before it ends
        for operation in step.operations { runner.perform(operation) }
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
        for operation in result.operations { runner.perform(operation) }
        deliver(result.events)
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        shared.countStep(tokens: step.batch.tokenCount, seconds: seconds, modelSeconds: runner.modelSeconds)
    }

    private func publish() { shared.publish(scheduler) }

    private func perform(_ command: EngineCommand) {
        switch command {
        case .submit(let id, let request, let stream):
            guard stream.value != nil else { return shared.leave() }
            streams[id] = stream
            runner.addSequence(id, sampling: request.sampling)
            scheduler.submit(id, request)
        case .cancel(let id):
            guard streams[id] != nil else { return }
            scheduler.cancel(id)
            forget(id)
        case .shutdown:
            stopped = true
        }
    }

    private func deliver(_ events: [SequenceEvent]) {
        for event in events {
            switch event {
            case .started(let id, let cachedPromptTokens):
                streams[id]?.value?.start(cachedPromptTokens: cachedPromptTokens)
            case .token(let id, let token):
                streams[id]?.value?.yield(token)
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
        runner.removeSequence(id)
        shared.leave()
    }
}

@available(*, unavailable)
extension EngineLoop: Sendable {}
