package import ShimmyCore
import Synchronization

/// A handle to an embedding engine, which has a thread of its own. Other code accesses the engine only through it.
package final class EmbeddingEngine: Sendable {
    fileprivate typealias Outcome = Result<[[Float]], any Error>

    fileprivate enum Command: Sendable {
        case embed(UInt64, [[Token]], Owner, @Sendable (Outcome) -> Void)
        case cancel(UInt64)
        case shutdown
    }

    package let limits: EmbeddingLimits
    /// The max number of texts that wait or are being computed.
    private let queue: Int
    private let mailbox: Mailbox<Command>
    private let shared: SharedStatistics
    private let lastRequest = Atomic<UInt64>(0)

    private init(limits: EmbeddingLimits, queue: Int, mailbox: Mailbox<Command>, shared: SharedStatistics) {
        self.limits = limits
        self.queue = queue
        self.mailbox = mailbox
        self.shared = shared
    }

    deinit { mailbox.send(.shutdown) }

    /// Starts an engine on its own thread. `makeRunner` runs there; this function throws its error.
    /// - target: how long a batch may delay the streams of other engines.
    package static func start<Runner: EmbeddingRunner & SendableMetatype>(
        name: String, queue: Int = 16384, target: StepTarget = StepTarget(), turn: ComputeTurn = .process,
        makeRunner: @escaping @Sendable () throws -> Runner
    ) async throws -> EmbeddingEngine {
        let mailbox = Mailbox<Command>()
        let shared = SharedStatistics()
        let limits = try await startEngine(named: name, shared) {
            let runner = try makeRunner()
            return (runner.limits, EmbeddingLoop(runner: runner, target: target, mailbox: mailbox, shared: shared, turn: turn).run)
        }
        return EmbeddingEngine(limits: limits, queue: queue, mailbox: mailbox, shared: shared)
    }

    package var statistics: EngineStatistics { shared.statistics }

    /// Returns an embedding for each text, in order. No text may be longer than the limits allow. Throws `QueueFull`, `EngineError`, and
    /// `CancellationError` when the task is cancelled.
    package func embed(_ texts: [[Token]], owner: Owner = .common) async throws -> [[Float]] {
        if texts.isEmpty { return [] }
        try shared.enter(texts.count, of: owner, limit: queue, reserved: QueueAdmission.reserved(of: queue))
        defer { shared.leave(texts.count, of: owner) }
        let request = lastRequest.wrappingAdd(1, ordering: .relaxed).newValue
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isTaken = mailbox.send(.embed(request, texts, owner) { continuation.resume(with: $0) })
                // An engine that has ended no longer takes requests.
                if !isTaken { continuation.resume(throwing: CancellationError()) }
                // The cancellation may have reached the mailbox before the request.
                if Task.isCancelled { mailbox.send(.cancel(request)) }
            }
        } onCancel: {
            mailbox.send(.cancel(request))
        }
    }

    /// Ends the engine and cancels the requests that still wait. Returns when its thread has freed everything.
    package func shutdown() async {
        mailbox.send(.shutdown)
        await shared.waitForThreadEnd()
    }
}

/// The loop of the engine's thread: it takes requests, computes batches and delivers the results.
private final class EmbeddingLoop<Runner: EmbeddingRunner> {
    private struct Request {
        var vectors: [[Float]?]
        let answer: @Sendable (EmbeddingEngine.Outcome) -> Void
    }

    private var runner: Runner
    private let mailbox: Mailbox<EmbeddingEngine.Command>
    private let shared: SharedStatistics
    private var queue: EmbeddingQueue
    private var requests: [UInt64: Request] = [:]
    private let turn: ComputeTurn.Member
    private let target: StepTarget
    private var time = StepTimeModel()
    private var stopped = false

    init(runner: Runner, target: StepTarget, mailbox: Mailbox<EmbeddingEngine.Command>, shared: SharedStatistics, turn: ComputeTurn) {
        self.target = target
        self.turn = ComputeTurn.Member(turn)
        self.runner = runner
        self.mailbox = mailbox
        self.shared = shared
        queue = EmbeddingQueue(limits: runner.limits)
    }

    func run() {
        while !stopped {
            for command in mailbox.takeAll(queue.count > 0 ? .none : .endless) { perform(command) }
            if !stopped, queue.count > 0 { turn.perform(step) }
        }
        for request in requests.keys { end(request, .failure(CancellationError())) }
        for case .embed(_, _, _, let answer) in mailbox.close() { answer(.failure(CancellationError())) }
    }

    private func perform(_ command: EmbeddingEngine.Command) {
        switch command {
        case .embed(let request, let texts, let owner, let answer):
            requests[request] = Request(vectors: Array(repeating: nil, count: texts.count), answer: answer)
            queue.add(request, texts, owner: owner)
        case .cancel(let request): end(request, .failure(CancellationError()))
        case .shutdown: stopped = true
        }
    }

    /// Computes one batch.
    /// - others: the number of engines with streams, which wait for this step. Together they share the time between two of their tokens. A single
    ///   text that takes longer is computed all the same: an encoder's tokens attend to later ones, so that a text cannot be split.
    private func step(beside others: Int) {
        let room = others > 0 ? time.rows(within: target.gap / Double(1 + others), besides: 0) ?? StepTarget.firstRows : .max
        let batch = queue.nextBatch(atMost: room)
        guard !batch.isEmpty else { return }
        let begin = ContinuousClock.now
        do {
            let vectors = try runner.run(batch.map(\.tokens))
            for (text, vector) in zip(batch, vectors) { requests[text.origin.request]?.vectors[text.origin.index] = vector }
        } catch {
            for text in batch { end(text.origin.request, .failure(EngineError("\(error)"))) }
        }
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        let tokens = batch.reduce(0) { $0 + $1.tokens.count }
        time.observe(decodeRows: 0, otherRows: max(1, tokens), seconds: seconds)
        shared.countStep(tokens: tokens, seconds: seconds, modelSeconds: seconds)
        for request in Set(batch.map(\.origin.request)) {
            let vectors = requests[request]?.vectors ?? []
            if !vectors.isEmpty, !vectors.contains(where: { $0 == nil }) { end(request, .success(vectors.compactMap { $0 })) }
        }
    }

    private func end(_ request: UInt64, _ outcome: EmbeddingEngine.Outcome) {
        queue.remove(request)
        requests.removeValue(forKey: request)?.answer(outcome)
    }
}

@available(*, unavailable)
extension EmbeddingLoop: Sendable {}
