package import Logging
package import ShimmyChat
package import ShimmyCore
package import ShimmyEngine
import Synchronization

/// A manager that serves models by name: it finds them, loads them on first use, shares them and frees idle ones. `ModelPool` makes the
/// decisions.
package final class ModelManager: Sendable {
    package typealias Loader = @Sendable (ModelRecord, ModelSettings, LoadProgress) async throws -> LoadedModel
    /// Returns the settings of a model. Called for each request.
    package typealias SettingsOf = @Sendable (ModelRecord) -> ModelSettings
    /// Returns the memory that a model will take when it is loaded with these settings.
    package typealias EstimateOf = @Sendable (ModelRecord, ModelSettings) -> MemoryUse
    /// Returns the inputs of a load with these settings.
    package typealias TermsOf = @Sendable (ModelRecord, ModelSettings) -> LoadTerms
    /// Returns the backend of a model of upstream servers; nil if no server has the model any more.
    package typealias UpstreamOf = @Sendable (UpstreamReference) -> Backend?

    typealias Pool = ModelPool<LoadedModel>

    struct State {
        var pool: Pool
        var requests: [Pool.Ticket: Request] = [:]
        var lastTicket = 0
        var loads: [String: Load] = [:]
        /// The records of all models that were requested, by id.
        var records: [String: ModelRecord] = [:]
        /// The inputs of the load of every loaded or loading model, by id.
        var terms: [String: LoadTerms] = [:]
        var freeing: [String: Task<Void, Never>] = [:]
        /// The context length that requests asked for, by id, where it is longer than in the settings.
        var contexts: [String: Int] = [:]
        /// Whether requests pinned a model, by id, where it differs from the settings.
        var pins: [String: Bool] = [:]
        var alarm: (time: Double, task: Task<Void, Never>)?
        var loadCounts: [String: LoadCounts] = [:]
        /// Whether the models that are loaded at startup are not loaded yet.
        var isPreloading = false
    }

    /// A request that waits for a model.
    struct Request {
        let record: ModelRecord
        let answer: CheckedContinuation<ModelLease, any Error>
    }

    struct Load {
        let progress: LoadProgress
        let task: Task<Void, Never>
    }

    let state: Mutex<State>
    let catalog: CatalogCache
    let configured: SettingsOf
    let terms: TermsOf
    private let estimate: EstimateOf
    private let disk: DiskWork
    private let diskPatience: Duration
    private let load: Loader
    private let upstream: UpstreamOf
    let logger: Logger
    /// The keep-alive time of models whose settings do not set one.
    let keepAlive: KeepAlive
    private let now: @Sendable () -> Double

    /// - limits: the max memory of all models, and the max time that requests wait for them.
    /// - keepAlive: how long an idle model stays loaded, unless its settings or a request say otherwise.
    /// - now: returns the seconds of a monotonic clock.
    /// - scan: finds the models on the disk; it may block.
    /// - terms: returns the inputs of a load from the current files and settings.
    /// - disk: runs `estimate` and `terms`, which read files; `scan` has its own threads.
    /// - diskPatience: how long callers wait for a disk that does not answer.
    /// - upstream: makes the backends of models that are not loaded here.
    package init(
        limits: ModelPool<LoadedModel>.Limits, keepAlive: KeepAlive = .forever, logger: Logger,
        now: @escaping @Sendable () -> Double = ModelManager.uptime, scan: @escaping @Sendable () -> ModelCatalog,
        settings: @escaping SettingsOf = { _ in ModelSettings() }, estimate: @escaping EstimateOf = ModelManager.fileEstimate,
        terms: @escaping TermsOf = { LoadTerms($0, $1) }, disk: DiskWork = .shared, diskPatience: Duration = .seconds(30),
        upstream: @escaping UpstreamOf = { _ in nil }, load: @escaping Loader
    ) {
        configured = settings
        self.estimate = estimate
        self.terms = terms
        self.keepAlive = keepAlive
        self.now = now
        self.state = Mutex(State(pool: Pool(limits: limits)))
        self.catalog = CatalogCache(patience: diskPatience, scan: scan)
        self.disk = disk
        self.diskPatience = diskPatience
        self.load = load
        self.upstream = upstream
        self.logger = logger
    }

    deinit { state.withLock { $0.alarm?.task.cancel() } }

    /// The default estimate, which uses the record of the file.
    package static let fileEstimate: EstimateOf = { record, settings in
        let estimate = record.memory ?? MemoryEstimate(sizeBytes: record.sizeBytes, contextLength: record.contextLength)
        return estimate.use(contextLength: settings.contextLength, slots: settings.slots)
    }

    package static let uptime: @Sendable () -> Double = {
        let start = ContinuousClock.now
        return { (ContinuousClock.now - start) / .seconds(1) }
    }()

    // MARK: Looking

    /// Returns the backend of a model, or nil if the model is not loaded. A model of an upstream server needs no loading.
    package func loadedBackend(_ record: ModelRecord) -> Backend? {
        if let reference = record.upstream { return upstream(reference) }
        return state.withLock { $0.pool.entries[record.loaded.id]?.loaded?.backend }
    }

    /// Returns whether a request for the model would not wait.
    package func isReady(_ record: ModelRecord) -> Bool { record.upstream != nil || state.withLock { $0.pool.isOpen(record.loaded.id) } }

    /// The loaded models, sorted by name.
    package var loaded: [(id: String, backend: Backend)] {
        statuses.compactMap { status in status.backend.map { (status.id, $0) } }
    }
    package var isLoading: Bool { state.withLock { !$0.loads.isEmpty } }
    /// The number of requests that wait for a model.
    package var waitingCount: Int { state.withLock { $0.requests.count } }
    /// The max number of requests that wait for a model.
    package var waitingLimit: Int { state.withLock { $0.pool.limits.waiting } }
    package var isShuttingDown: Bool { state.withLock { $0.pool.stopped } }

    /// The memory budget of all models, and the memory that they take or are about to take, in bytes.
    package var memory: (budget: Int, used: Int) {
        countGrammars()
        return state.withLock { ($0.pool.limits.budget, $0.pool.usedBytes) }
    }

    /// Updates the memory of the cached grammars, which counts toward their models. If memory is short, discards the grammars, before any model
    /// is freed.
    /// - needed: the bytes that are about to be allocated.
    private func countGrammars(besides needed: Int = 0) {
        let backends = loaded
        func bytes() -> [String: Int] { Dictionary(uniqueKeysWithValues: backends.map { ($0.id, $0.backend.engine.grammarBytes) }) }
        let free = state.withLock { state in
            state.pool.note(grammars: bytes())
            return state.pool.freeBytes
        }
        guard free < needed, backends.contains(where: { $0.backend.engine.grammarBytes > 0 }) else { return }
        for (_, backend) in backends { backend.engine.forgetGrammars() }
        state.withLock { $0.pool.note(grammars: bytes()) }
    }

    /// The status of every model that takes memory, sorted by name.
    package var statuses: [ModelStatus] {
        let now = now()
        return state.withLock { state in
            state.pool.entries.sorted { $0.key < $1.key }.map { id, entry in
                ModelStatus(
                    id: id, stage: entry.isLoading ? .loading : entry.isFreeing ? .freeing : .loaded,
                    progress: entry.isLoading ? state.loads[id]?.progress.fraction ?? 0 : 1, memory: entry.memory, users: entry.users,
                    isPinned: entry.isPinned, expiresIn: entry.expiry.map { max(0, $0 - now) }, keepAlive: entry.keepAlive,
                    backend: entry.loaded?.backend)
            }
        }
    }

    /// Returns the progress of a model's load, 0 to 1; nil if the model is not loading.
    package func progress(of id: String) -> Double? { state.withLock { $0.loads[id]?.progress.fraction } }

    /// Returns the memory that a model takes or would take; nil if its disk does not answer.
    package func memory(of record: ModelRecord) async -> MemoryUse? {
        if record.upstream != nil { return MemoryUse() }
        if let known = state.withLock({ $0.pool.entries[record.loaded.id]?.memory }) { return known }
        return try? await estimated(record.loaded, settings(record.loaded))
    }

    /// Returns the memory that a model would take. Throws `DiskWork.NoAnswer` and `CancellationError`.
    func estimated(_ record: ModelRecord, _ settings: ModelSettings) async throws -> MemoryUse {
        try await onDisk { [estimate] in estimate(record, settings) }
    }

    /// Returns the current inputs of a load. Throws `DiskWork.NoAnswer` and `CancellationError`.
    func currentTerms(_ record: ModelRecord, _ settings: ModelSettings) async throws -> LoadTerms {
        try await onDisk { [terms] in terms(record, settings) }
    }

    private func onDisk<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async throws -> Value {
        try await disk.run(patience: diskPatience / .seconds(1), body)
    }

    // MARK: Using

    /// Returns the model with a name after loading it if necessary. Waits for its memory and its load; requests for the same model share one
    /// load.
    /// - keepAlive: how long the model stays loaded after its last user; nil keeps the current value.
    /// - onlyLoads: whether the caller only wants the model to be loaded. Such a load can be stopped.
    package func acquire(_ name: String, keepAlive: KeepAlive? = nil, onlyLoads: Bool = false) async throws -> ModelLease {
        try await acquire(try await findUsable(name), keepAlive: keepAlive, onlyLoads: onlyLoads)
    }

    /// Returns the model of a record, like `acquire` with a name. Cancelling the task ends the wait.
    package func acquire(_ record: ModelRecord, keepAlive: KeepAlive? = nil, onlyLoads: Bool = false) async throws -> ModelLease {
        if let reference = record.upstream { return try lease(record, reference) }
        let loaded = record.loaded
        let settings = settings(loaded)
        // The memory of an outdated model says nothing about its next version.
        let known = state.withLock { $0.pool.entries[loaded.id].flatMap { $0.isOutdated ? nil : $0.memory } }
        var memory: MemoryUse
        do {
            memory = if let known { known } else { try await estimated(loaded, settings) }
        } catch let error as DiskWork.NoAnswer {
            throw ModelError.loadFailed(record.id, reason: error.description)
        }
        memory.grammars = 0
        if known == nil { countGrammars(besides: memory.total) }
        let terms = Pool.Terms(
            memory: memory, isPinned: settings.isPinned, keepAlive: settings.keepAlive ?? self.keepAlive,
            asked: keepAlive, onlyLoads: onlyLoads)
        let ticket = state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { answer in
                act { state, now in
                    state.requests[ticket] = Request(record: record, answer: answer)
                    state.records[loaded.id] = loaded
                    return state.pool.request(ticket, loaded.id, terms, now: now)
                }
                // The task may have been cancelled before the request was registered.
                if Task.isCancelled { cancel(ticket) }
            }
        } onCancel: {
            cancel(ticket)
        }
    }

    /// Returns a model of upstream servers. It takes no memory here, so that the pool does not count it.
    private func lease(_ record: ModelRecord, _ reference: UpstreamReference) throws(ModelError) -> ModelLease {
        if isShuttingDown { throw .shuttingDown }
        guard let backend = upstream(reference) else { throw .unusable(record.id, reason: "no upstream server has it any more") }
        return ModelLease(record: record, backend: backend) {}
    }

    private func cancel(_ ticket: Pool.Ticket) {
        guard let request = state.withLock({ $0.requests.removeValue(forKey: ticket) }) else { return }
        act { state, now in state.pool.cancel(ticket, now: now) }
        request.answer.resume(throwing: CancellationError())
    }

    // MARK: Acting

    /// Decides while the lock is held, and acts after releasing it.
    func act(_ decide: (inout State, Double) -> [Pool.Action]) {
        let now = now()
        let effects = state.withLock { state in
            let effects = decide(&state, now).map { effect(of: $0, &state) }
            setAlarm(&state, now)
            return effects
        }
        for effect in effects { effect() }
    }

    private func effect(of action: Pool.Action, _ state: inout State) -> @Sendable () -> Void {
        switch action {
        case .grant(let ticket, let id, let model):
            guard let request = state.requests.removeValue(forKey: ticket) else { return { [self] in release(id) } }
            return { [self] in
                request.answer.resume(
                    returning: ModelLease(record: request.record, backend: model.backend) { [weak self] in self?.release(id) })
            }
        case .refuse(let ticket, let error):
            guard let request = state.requests.removeValue(forKey: ticket) else { return {} }
            return { request.answer.resume(throwing: error) }
        case .load(let id):
            guard let record = state.records[id] else { preconditionFailure("there is no record of the model to load") }
            let progress = LoadProgress()
            state.loads[id] = Load(progress: progress, task: Task { [self] in await startLoading(record, progress) })
            return {}
        case .free(let id, let model):
            let last = LastReference(model)
            state.freeing[id] = Task { [self] in await free(id, last) }
            return {}
        }
    }

    private func startLoading(_ asked: ModelRecord, _ progress: LoadProgress) async {
        // The disk may have changed while the request waited.
        let record = await newestRecords()[asked.id] ?? asked
        let settings = settings(record)
        logger.info("loading model", metadata: ["model": "\(record.id)", "path": "\(record.path)"])
        let begun = now()
        do {
            let terms = try await currentTerms(record, settings)
            state.withLock { $0.terms[record.id] = terms }
            let model = try await load(record, settings, progress)
            countLoad(record.id, model.memory.total, seconds: now() - begun)
            await didLoad(record, settings, model)
        } catch {
            didFail(record.id, progress, error)
        }
    }

    private func didLoad(_ record: ModelRecord, _ settings: ModelSettings, _ model: LoadedModel) async {
        await catchUp(record, settings)
        act { state, now in
            state.loads[record.id] = nil
            return state.pool.didLoad(record.id, model, model.memory, now: now)
        }
    }

    private func didFail(_ id: String, _ progress: LoadProgress, _ error: any Error) {
        if progress.isCancelled {
            logger.info("model load stopped", metadata: ["model": "\(id)"])
        } else {
            logger.error("model load failed", metadata: ["model": "\(id)", "error": "\(error)"])
        }
        let reason = progress.isCancelled ? .shuttingDown : error as? ModelError ?? .loadFailed(id, reason: "\(error)")
        act { state, now in
            state.loads[id] = nil
            state.terms[id] = nil
            state.loadCounts[id, default: LoadCounts()].failures += 1
            // The next request loads the model with its configured context.
            if !progress.isCancelled { state.contexts[id] = nil }
            return state.pool.didFail(id, reason, now: now)
        }
    }

    private func release(_ id: String) { act { state, now in state.pool.release(id, now: now) } }

    private func free(_ id: String, _ last: LastReference) async {
        let whenFreed = await Self.shutDown(last.take())
        await whenFreed?()
        logger.info("model freed", metadata: ["model": "\(id)"])
        act { state, now in
            state.freeing[id] = nil
            state.terms[id] = nil
            state.loadCounts[id, default: LoadCounts()].unloads += 1
            return state.pool.didFree(id, now: now)
        }
    }

    /// Shuts down the backend. When it returns, its own reference to the model is gone.
    private static func shutDown(_ model: LoadedModel?) async -> (@Sendable () async -> Void)? {
        await model?.backend.shutdown()
        return model?.whenFreed
    }

    // MARK: Time

    private func setAlarm(_ state: inout State, _ now: Double) {
        let next = state.pool.nextDeadline(after: now)
        if let alarm = state.alarm, let next, alarm.time <= next { return }
        state.alarm?.task.cancel()
        state.alarm = next.map { next in
            let task = Task { [weak self] in
                guard (try? await Task.sleep(for: .seconds(min(max(0.001, next - now), 1e9)))) != nil else { return }
                self?.advance()
            }
            return (next, task)
        }
    }

    /// Performs the work that is due: frees models that were idle for long enough and refuses requests that waited too long.
    package func advance() {
        act { state, now in
            state.alarm = nil
            return state.pool.advance(now: now)
        }
    }
}

/// The only remaining reference to a model that is being freed.
private final class LastReference: Sendable {
    private let model: Mutex<LoadedModel?>

    init(_ model: LoadedModel) { self.model = Mutex(model) }

    func take() -> LoadedModel? {
        model.withLock { model in
            defer { model = nil }
            return model
        }
    }
}
