import Logging
import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyEngine
import ShimmyJSON
import ShimmyModels
import ShimmyStorage
import ShimmyTracing
import Synchronization

/// Makes background responses: a few at a time, and those of each owner in the order in which they arrived.
package final class BackgroundResponses: Sendable {
    /// A response to make. Its record contains everything else.
    struct Job: Sendable {
        let id: String
        let storageOwner: String
        /// The service terms, including the owner that takes turns with others, here and in the engine.
        let terms: ServiceTerms
        /// The trace of the request, then of the work; nil if traces are off, and for a response that an earlier process accepted.
        var trace: RequestTrace?
        /// The account of the response; nil if nothing is counted.
        var charge: Charge?

        /// Returns the job with a trace of its own, below that of its request.
        func traced() -> Job {
            var job = self
            job.trace = trace?.child()
            return job
        }
    }

    private typealias Queue = BackgroundQueue<Job, Answer.Canceller, CheckedContinuation<Void, Never>>

    private let queue = Mutex(Queue(runningAtOnce: 8, mostWaiting: 1000))
    /// The delay before another attempt to begin a response, when the storage fails or the engine's queue is full.
    private static let patience: Duration = .seconds(1)

    let unkept: UnkeptEnds
    let store: Store
    private let maker: ResponseMaker
    private let observer: any AnswerObserver
    private let accounts: Accounts
    private let logger: Logger
    private let owner: @Sendable (String) -> Owner

    /// - owner: returns the owner for work that an earlier process accepted, by the owner of the stored response.
    init(
        store: Store, maker: ResponseMaker, observer: any AnswerObserver, accounts: Accounts, logger: Logger,
        owner: @escaping @Sendable (String) -> Owner
    ) {
        self.store = store
        unkept = UnkeptEnds(store: store)
        self.maker = maker
        self.observer = observer
        self.accounts = accounts
        self.logger = logger
        self.owner = owner
    }

    /// The use of the queue at a moment.
    package struct Use: Sendable {
        package let running: Int
        package let runningLimit: Int
        package let waitingByOwner: [String: Int]
        package let ownerLimit: Int
    }

    package var use: Use {
        queue.withLock { queue in
            Use(
                running: queue.running, runningLimit: queue.runningAtOnce, waitingByOwner: queue.waitingByOwner, ownerLimit: queue.mostWaiting)
        }
    }

    // MARK: Coming in

    /// Throws a 429 if the owner's queue is full.
    func checkRoom(for owner: Owner) throws(APIError) {
        if queue.withLock({ $0.isFull(for: owner.name) }) { throw .queueFull(retryAfter: 10) }
    }

    /// - number: the number of the response's last stored event.
    func add(_ job: Job, number: Int) {
        queue.withLock { $0.add(job, id: job.id, owner: job.terms.owner.name, number: number) }
        startWaiting()
    }

    /// Adds the queued responses that an earlier process left.
    package func resume() async {
        do {
            for response in try await store.takeQueued() {
                let request = try? response.request.map { json throws(APIError) in try ResponseRequest(json, media: .all) }
                // The size of the prompt is unknown before the response begins.
                let estimate = WorkEstimate(bytes: 0, output: request?.chat.maximumTokens)
                let terms = ServiceTerms(
                    owner: owner(response.owner), isFlex: request?.isFlex ?? false,
                    maximumTokens: accounts.key(response.owner)?.limits.maxOutputTokens)
                add(
                    Job(id: response.id, storageOwner: response.owner, terms: terms, charge: accounts.resumedCharge(response.owner, estimate)),
                    number: 1)
            }
        } catch {
            logger.error("queued responses cannot be resumed", metadata: ["error": "\(error)"])
        }
    }

    private func startWaiting() {
        while let job = queue.withLock({ $0.next() }) { Task { await run(job) } }
    }

    // MARK: Stopping

    /// Starts no further responses. Waiting ones stay queued for the next start of the server.
    package func holdBack() { tell(queue.withLock { $0.stop() }) }

    /// Stops the running responses, and returns when all of them are stored as failed. Afterwards the models serve no requests.
    package func stop() async {
        holdBack()
        await maker.models.shutdown()
        for id in queue.withLock({ $0.activeIDs }) { await end(of: id) }
    }

    private func end(of id: String) async {
        while isActive(id) { await watch(id, beyond: .max) }
    }

    // MARK: Watching

    func isActive(_ id: String) -> Bool { queue.withLock { $0.isActive(id) } }

    /// Returns when an event after `number` was stored, when the response has ended, or when a ping was requested.
    func watch(_ id: String, beyond number: Int) async {
        await withCheckedContinuation { continuation in
            let waits = queue.withLock { $0.watch(id, beyond: number, continuation) }
            if !waits { continuation.resume() }
        }
    }

    /// Wakes all watchers of a response.
    func nudge(_ id: String) { tell(queue.withLock { $0.nudge(id) }) }

    private func tell(_ watchers: [CheckedContinuation<Void, Never>]) {
        for watcher in watchers { watcher.resume() }
    }

    // MARK: Cancelling

    /// Cancels a response and returns when it has ended. Does nothing if it does not run in this process.
    func cancel(_ id: String) async {
        switch queue.withLock({ $0.cancel(id) }) {
        case .nothing: return
        case .start(let job): Task { await run(job) }
        case .stop(let canceller): canceller.cancel()
        case .wait: break
        }
        await end(of: id)
    }

    // MARK: Running

    /// Makes a response whose model was checked when the response was accepted. It can begin in the task of another client's request, whose models
    /// are not this client's, and whose trace is not this response's.
    private func run(_ job: Job) async {
        let job = job.traced()
        await RequestTrace.with(job.trace) { await ModelAccess.$current.withValue(nil) { await self.makeOne(job) } }
    }

    private func makeOne(_ job: Job) async {
        defer {
            tell(queue.withLock { $0.end(job.id) })
            startWaiting()
        }
        var isFirstTry = true
        while !queue.withLock({ $0.isStopped }) {
            do {
                guard let (request, record, events) = try await begin(job) else { return leave(job, .cancelled) }
                return await make(job, request, record, events)
            } catch let error as StorageError {
                if isFirstTry { logger.error("background response cannot start yet", metadata: ["response": "\(job.id)", "error": "\(error)"]) }
                isFirstTry = false
                try? await Task.sleep(for: Self.patience)
            } catch {
                await failUnreadable(job, error)
                return leave(job, APIError(any: error))
            }
        }
        AnswerTraces.end(job.trace, model: nil, with: .serverStopped)
    }

    /// Ends the trace and the account of a response that does not begin.
    private func leave(_ job: Job, _ error: APIError, model: String? = nil) {
        AnswerTraces.end(job.trace, model: model, with: error)
        job.charge?.fail(error)
    }

    /// Marks the response as in progress and returns its request, record and events; nil if it was cancelled or deleted. While the storage
    /// fails, the response stays queued.
    private func begin(_ job: Job) async throws -> (ResponseRequest, ResponseRecord, ResponseEvents)? {
        guard let stored = try await store.response(job.id, owner: job.storageOwner), stored.status == .queued, let body = stored.request,
            let items = try await store.input(of: job.id, owner: job.storageOwner)
        else { return nil }
        let request = try ResponseRequest(body, media: .all)
        let input = try items.map { try ResponseItem(stored: $0.json) }
        let record = ResponseRecord(
            store: store, unkept: unkept, id: job.id, owner: job.storageOwner, input: input, keepsValues: true, isRequired: true)
        let object = ResponseObject(id: job.id, created: stored.created, request: request, isStored: true)
        var events = ResponseEvents(object, style: request.style, dialect: request.dialect, firstNumber: 2)
        if isCancelled(job) {
            let last = events.cancel()
            await record.finishSurely(events, last)
            return nil
        }
        let first = events.leaveQueue()
        guard try await record.begin(events.object, first) else { return nil }
        tell(queue.withLock { $0.advance(job.id, to: events.nextNumber - 1) })
        return (request, record, events)
    }

    /// Marks a response as failed if another version of the program stored its request and this version cannot decode it. It could never
    /// run.
    private func failUnreadable(_ job: Job, _ error: any Error) async {
        logger.error("background response failed: its stored request cannot be read", metadata: ["response": "\(job.id)", "error": "\(error)"])
        let reason = APIError(any: error)
        do {
            guard let stored = try await store.response(job.id, owner: job.storageOwner), var object = stored.object.objectValue else { return }
            object["status"] = "failed"
            object["error"] = ["code": "server_error", "message": .string("The stored request cannot be read: \(reason.message)")]
            let event: JSON = ["type": "response.failed", "sequence_number": 2, "response": .object(object)]
            let change = ResponseChange(status: .failed, object: .object(object), events: [StoredEvent(number: 2, json: event)], from: [.queued])
            try await store.update(job.id, change)
        } catch {
            logger.error("background response stays queued", metadata: ["response": "\(job.id)", "error": "\(error)"])
        }
    }

    private var isShuttingDown: Bool { maker.models.isShuttingDown }
    private func isCancelled(_ job: Job) -> Bool { queue.withLock { $0.isCancelled(job.id) } }

    /// Starts the answer, and retries while the engine's queue is full, because a background response has no client that could retry.
    private func start(
        _ job: Job, _ request: ResponseRequest, _ items: [ResponseItem], on generator: any TextGenerator
    ) async throws -> sending (answer: Answer, dropped: Int) {
        while true {
            do {
                return try await maker.start(request, items, on: generator, job.terms)
            } catch is QueueFull {
                if isShuttingDown || isCancelled(job) { throw CancellationError() }
                try await Task.sleep(for: Self.patience)
            }
        }
    }

    private func make(_ job: Job, _ request: ResponseRequest, _ record: ResponseRecord, _ events: ResponseEvents) async {
        let run: AnswerRun<ResponseEvents>
        let begun = ContinuousClock.now
        var events = events
        var model = try? await maker.models.find(request.model).id
        do {
            let context = try await ResponseContextFinder(store: store).context(
                previous: request.previousID, conversation: request.conversationID, input: record.input.map(InputItem.item),
                owner: job.storageOwner)
            let request = try await request.continuing(context)
            events.adopt(request.dialect)
            let lease = try await maker.models.acquire(request.model, keepAlive: request.keepAlive)
            model = lease.record.id
            job.charge?.note(model: lease.record.id)
            let started = try await start(job, request, context.items, on: lease.generator)
            if started.dropped > 0 { logger.droppedItems(started.dropped, of: job.id) }
            var caller = Caller(
                owner: job.terms.owner, storageOwner: job.storageOwner, arrived: begun, logger: logger, trace: job.trace
            ).charging(job.charge).logging("response", job.id)
            if let trace = job.trace { caller = caller.logging("trace", "\(trace.context.traceID)") }
            run = AnswerRun(started.answer, lease, events, record: record, maker.models, observer, caller)
        } catch {
            let reason: APIError = isShuttingDown ? .serverStopped : isCancelled(job) ? .cancelled : APIError(any: error)
            let last = reason == .cancelled ? events.cancel() : events.fail(reason)
            leave(job, reason, model: model)
            return await record.finishSurely(events, last)
        }
        let canceller = run.canceller
        if queue.withLock({ $0.begun(job.id, stop: canceller) }) { canceller.cancel() }
        while let news = await run.next() {
            guard case .values(let new) = news, let number = new.last?["sequence_number"]?.intValue else { continue }
            tell(queue.withLock { $0.advance(job.id, to: number) })
        }
    }
}

extension Logger {
    func droppedItems(_ count: Int, of response: String) {
        info("oldest items dropped: they do not fit into the context", metadata: ["response": "\(response)", "items": .stringConvertible(count)])
    }
}
