import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyEngine
import ShimmyJSON
import ShimmyModels
import ShimmyStorage
import Synchronization

/// Makes responses that nobody waits for: a few at a time, those of each owner in the order in which they came.
package final class BackgroundResponses: Sendable {
    /// One response to be made. All else is in its record.
    struct Job: Sendable {
        let id: String
        let storageOwner: String
        /// With the owner who takes turns with others, here and in the engine.
        let terms: ServiceTerms
    }

    private typealias Queue = BackgroundQueue<Job, Answer.Canceller, CheckedContinuation<Void, Never>>

    private let queue = Mutex(Queue(runningAtOnce: 8, mostWaiting: 1000))
    /// Between two tries to begin a response while the storage fails, or the engine takes no more.
    private static let patience: Duration = .seconds(1)

    let unkept: UnkeptEnds
    private let store: Store
    private let maker: ResponseMaker
    private let access: ServerAccess
    private let logger: Logger

    /// - access: knows whose keys what was asked for in an earlier process belongs to.
    init(store: Store, maker: ResponseMaker, access: ServerAccess, logger: Logger) {
        self.store = store
        self.access = access
        unkept = UnkeptEnds(store: store)
        self.maker = maker
        self.logger = logger
    }

    // MARK: Coming in

    /// Throws a 429 when too many of the owner wait already.
    func checkRoom(for owner: Owner) throws(APIError) {
        if queue.withLock({ $0.isFull(for: owner.name) }) { throw .queueFull(retryAfter: 10) }
    }

    /// - number: of the last event that was kept of it.
    func add(_ job: Job, number: Int) {
        queue.withLock { $0.add(job, id: job.id, owner: job.terms.owner.name, number: number) }
        startWaiting()
    }

    /// Takes up what an earlier process left waiting.
    func resume() async {
        do {
            for response in try await store.takeQueued() {
                let request = try? response.request.map { json throws(APIError) in try ResponseRequest(json) }
                let terms = ServiceTerms(owner: access.owner(ofStorage: response.owner), isFlex: request?.isFlex ?? false)
                add(Job(id: response.id, storageOwner: response.owner, terms: terms), number: 1)
            }
        } catch {
            logger.error("waiting responses cannot be taken up", metadata: ["error": "\(error)"])
        }
    }

    private func startWaiting() {
        while let job = queue.withLock({ $0.next() }) { Task { await run(job) } }
    }

    // MARK: Stopping

    /// Begins nothing any more: what waits is left for the next start.
    func holdBack() { tell(queue.withLock { $0.stop() }) }

    /// Returns when all that was being made has failed, and is kept as that. No model serves anybody afterwards.
    func stop() async {
        holdBack()
        await maker.models.shutdown()
        for id in queue.withLock({ $0.activeIDs }) { await end(of: id) }
    }

    private func end(of id: String) async {
        while isActive(id) { await watch(id, beyond: .max) }
    }

    // MARK: Watching

    func isActive(_ id: String) -> Bool { queue.withLock { $0.isActive(id) } }

    /// Returns when an event beyond a number was kept, when the response is over, or when somebody asked for a sign of life.
    func watch(_ id: String, beyond number: Int) async {
        await withCheckedContinuation { continuation in
            let waits = queue.withLock { $0.watch(id, beyond: number, continuation) }
            if !waits { continuation.resume() }
        }
    }

    /// Makes all who watch a response look.
    func nudge(_ id: String) { tell(queue.withLock { $0.nudge(id) }) }

    private func tell(_ watchers: [CheckedContinuation<Void, Never>]) {
        for watcher in watchers { watcher.resume() }
    }

    // MARK: Cancelling

    /// Ends a response and returns when it has. Does nothing to one that is not made here.
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

    private func run(_ job: Job) async {
        defer {
            tell(queue.withLock { $0.end(job.id) })
            startWaiting()
        }
        var isFirstTry = true
        while !queue.withLock({ $0.isStopped }) {
            do {
                guard let (request, record, events) = try await begin(job) else { return }
                return await make(job, request, record, events)
            } catch let error as StorageError {
                if isFirstTry { logger.error("a background response cannot begin yet", metadata: ["response": "\(job.id)", "error": "\(error)"]) }
                isFirstTry = false
                try? await Task.sleep(for: Self.patience)
            } catch {
                return await failUnreadable(job, error)
            }
        }
    }

    /// Says that the response is being made. Nil when it is not to be: it is cancelled or deleted.
    /// While the storage fails it stays what it is, queued.
    private func begin(_ job: Job) async throws -> (ResponseRequest, ResponseRecord, ResponseEvents)? {
        guard let stored = try await store.response(job.id, owner: job.storageOwner), stored.status == .queued, let body = stored.request,
            let items = try await store.input(of: job.id, owner: job.storageOwner)
        else { return nil }
        let request = try ResponseRequest(body)
        let input = try items.map { try ResponseItem(stored: $0.json) }
        let record = ResponseRecord(
            store: store, unkept: unkept, id: job.id, owner: job.storageOwner, input: input, keepsEvents: true, isRequired: true)
        let object = ResponseObject(id: job.id, created: stored.created, request: request, isStored: true)
        var events = ResponseEvents(object, style: request.style, dialect: request.dialect, firstNumber: 2)
        if isCancelled(job) {
            let last = events.cancel()
            await record.finishSurely(events.object, last)
            return nil
        }
        let first = events.begin(isNew: false)
        guard try await record.begin(events.object, first) else { return nil }
        tell(queue.withLock { $0.advance(job.id, to: events.nextNumber - 1) })
        return (request, record, events)
    }

    /// A request that was stored by another version of the program and cannot be decoded by this one has failed: nobody will ever make it.
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

    /// Starts the answer when the engine has a place for it: nobody is there who would come back later.
    private func start(
        _ job: Job, _ request: ResponseRequest, _ items: [ResponseItem], on backend: any Backend
    ) async throws -> sending (answer: Answer, dropped: Int) {
        while true {
            do {
                return try await maker.start(request, items, on: backend, job.terms)
            } catch is QueueFull {
                if isShuttingDown || isCancelled(job) { throw CancellationError() }
                try await Task.sleep(for: Self.patience)
            }
        }
    }

    private func make(_ job: Job, _ request: ResponseRequest, _ record: ResponseRecord, _ events: ResponseEvents) async {
        let run: ResponseRun
        var events = events
        do {
            let context = try await ResponseContextFinder(store: store).context(
                previous: request.previousID, conversation: request.conversationID, input: record.input.map(InputItem.item),
                owner: job.storageOwner)
            let request = try await request.takingTools(of: context)
            events.adopt(request.dialect)
            let lease = try await maker.models.acquire(request.model, keepAlive: request.keepAlive)
            let started = try await start(job, request, context.items, on: lease.backend)
            if started.dropped > 0 { logger.droppedItems(started.dropped, of: job.id) }
            run = ResponseRun(started.answer, lease, events, record, maker.models, logger)
        } catch {
            let last = isShuttingDown ? events.fail(.serverStopped) : isCancelled(job) ? events.cancel() : events.fail(APIError(any: error))
            return await record.finishSurely(events.object, last)
        }
        let canceller = run.canceller
        if queue.withLock({ $0.begun(job.id, stop: canceller) }) { canceller.cancel() }
        while let new = await run.next() {
            guard let number = new.last?["sequence_number"]?.intValue else { continue }
            tell(queue.withLock { $0.advance(job.id, to: number) })
        }
    }
}

extension Logger {
    func droppedItems(_ count: Int, of response: String) {
        info("the oldest items did not fit and were left out", metadata: ["response": "\(response)", "items": "\(count)"])
    }
}
