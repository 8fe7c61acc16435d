package import Logging
package import ShimmyChat
package import ShimmyCore
import Synchronization

/// Serves models by name: finds them, loads them on first use, shares them, frees the idle ones. What it decides lies in `ModelPool`.
package final class ModelManager: Sendable {
    package typealias Loader = @Sendable (ModelRecord, ModelSettings, LoadProgress) async throws -> LoadedModel
    /// How a model is to be served; asked anew for each request.
    package typealias SettingsOf = @Sendable (ModelRecord) -> ModelSettings
    /// What a model will take when it is loaded with these settings.
    package typealias EstimateOf = @Sendable (ModelRecord, ModelSettings) -> MemoryUse
    /// What a load with these settings goes by, beside them.
    package typealias TermsOf = @Sendable (ModelRecord, ModelSettings) -> LoadTerms

    typealias Pool = ModelPool<LoadedModel>

    struct State {
        var pool: Pool
        var requests: [Pool.Ticket: Request] = [:]
        var lastTicket = 0
        var loads: [String: Load] = [:]
        /// Of every model that was asked for.
        var records: [String: ModelRecord] = [:]
        /// Of every model that is loaded or being loaded, what its load went by.
        var terms: [String: LoadTerms] = [:]
        var freeing: [String: Task<Void, Never>] = [:]
        var alarm: (time: Double, task: Task<Void, Never>)?
    }

    /// Somebody who waits for a model.
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
    let settings: SettingsOf
    let terms: TermsOf
    private let estimate: EstimateOf
    private let disk: DiskWork
    private let diskPatience: Duration
    private let load: Loader
    let logger: Logger
    /// For models whose settings say nothing.
    let keepAlive: KeepAlive
    private let now: @Sendable () -> Double

    /// - limits: how much all models may take, and how long requests wait for them.
    /// - keepAlive: how long a model stays that nobody uses, unless its settings or a request say otherwise.
    /// - now: seconds, of a clock that only goes forward.
    /// - scan: finds the models on the disk; it may block.
    /// - terms: what a load goes by, from what the disk and the settings say now.
    /// - disk: runs `estimate` and `terms`, which look at files; `scan` has threads of its own.
    /// - diskPatience: how long callers wait for a disk that does not answer.
    package init(
        limits: ModelPool<LoadedModel>.Limits, keepAlive: KeepAlive = .forever, logger: Logger,
        now: @escaping @Sendable () -> Double = ModelManager.uptime, scan: @escaping @Sendable () -> ModelCatalog,
        settings: @escaping SettingsOf = { _ in ModelSettings() }, estimate: @escaping EstimateOf = ModelManager.fileEstimate,
        terms: @escaping TermsOf = { LoadTerms($0, $1) }, disk: DiskWork = .shared, diskPatience: Duration = .seconds(30),
        load: @escaping Loader
    ) {
        self.settings = settings
        self.estimate = estimate
        self.terms = terms
        self.keepAlive = keepAlive
        self.now = now
        self.state = Mutex(State(pool: Pool(limits: limits)))
        self.catalog = CatalogCache(patience: diskPatience, scan: scan)
        self.disk = disk
        self.diskPatience = diskPatience
        self.load = load
        self.logger = logger
    }

    deinit { state.withLock { $0.alarm?.task.cancel() } }

    /// What the file says.
    package static let fileEstimate: EstimateOf = { record, settings in
        let estimate = record.memory ?? MemoryEstimate(sizeBytes: record.sizeBytes, contextLength: record.contextLength)
        return estimate.use(contextLength: settings.contextLength, slots: settings.slots)
    }

    package static let uptime: @Sendable () -> Double = {
        let start = ContinuousClock.now
        return { (ContinuousClock.now - start) / .seconds(1) }
    }()

    // MARK: Finding

    /// All models on the disk, loading none.
    package func list() async -> [ModelRecord] { await catalog.current().records }

    /// Other names that lead to a model.
    package func aliases(of record: ModelRecord) async -> [String] { await catalog.latest().aliases(of: record) }

    /// Why aliases lead nowhere, by alias.
    package func aliasProblems() async -> [String: String] { await catalog.latest().aliasProblems }

    /// Finds a model by its name. Looks at the disk again before it says no.
    package func find(_ name: String) async throws(ModelError) -> ModelRecord {
        if let record = await catalog.latest().resolve(name) { return record }
        let fresh = await catalog.refreshed()
        if let record = fresh.resolve(name) { return record }
        if await catalog.isStuck { throw .loadFailed(name, reason: DiskWork.NoAnswer().description) }
        let candidates = fresh.candidates(for: name).map(\.id)
        throw candidates.isEmpty ? ModelError.unknown(name) : ModelError.ambiguous(name, ids: candidates)
    }

    /// As `find`, and it can be loaded, as far as is known without loading it.
    package func findUsable(_ name: String) async throws(ModelError) -> ModelRecord {
        let record = try await find(name)
        if let problem = record.problem { throw .unusable(record.id, reason: problem) }
        guard record.isLoadable else { throw .unusable(record.id, reason: "its file holds no language model (\(record.kind.rawValue))") }
        return record
    }

    /// The model that is meant where none is named: the only one that is loaded, or else the only one that there is. Nil for no such.
    package func onlyModel() async -> String? {
        let loaded = loaded
        if loaded.count == 1 { return loaded[0].id }
        let usable = await list().filter { $0.kind == .model && $0.problem == nil }
        return usable.count == 1 ? usable[0].id : nil
    }

    // MARK: Looking

    /// The backend of a model when it is loaded.
    package func loadedBackend(_ record: ModelRecord) -> (any Backend)? { state.withLock { $0.pool.entries[record.loaded.id]?.loaded?.backend } }

    /// Whether a request for the model would not wait.
    package func isReady(_ record: ModelRecord) -> Bool { state.withLock { $0.pool.isOpen(record.loaded.id) } }

    /// Sorted by name.
    package var loaded: [(id: String, backend: any Backend)] {
        statuses.compactMap { status in status.backend.map { (status.id, $0) } }
    }
    package var isLoading: Bool { state.withLock { !$0.loads.isEmpty } }
    /// Requests that wait for a model.
    package var waitingCount: Int { state.withLock { $0.requests.count } }
    package var isShuttingDown: Bool { state.withLock { $0.pool.stopped } }

    /// Bytes that all models may take, and that they take or are about to take.
    package var memory: (budget: Int, used: Int) {
        countGrammars()
        return state.withLock { ($0.pool.limits.budget, $0.pool.usedBytes) }
    }

    /// Grammars count like everything else that a model takes, and go before models do.
    /// - needed: bytes that are about to be taken.
    private func countGrammars(besides needed: Int = 0) {
        let backends = loaded
        func bytes() -> [String: Int] { Dictionary(uniqueKeysWithValues: backends.map { ($0.id, $0.backend.grammarBytes) }) }
        let free = state.withLock { state in
            state.pool.note(grammars: bytes())
            return state.pool.freeBytes
        }
        guard free < needed, backends.contains(where: { $0.backend.grammarBytes > 0 }) else { return }
        for (_, backend) in backends { backend.forgetGrammars() }
        state.withLock { $0.pool.note(grammars: bytes()) }
    }

    /// Every model that takes memory, sorted by name.
    package var statuses: [ModelStatus] {
        let now = now()
        return state.withLock { state in
            state.pool.entries.sorted { $0.key < $1.key }.map { id, entry in
                ModelStatus(
                    id: id, stage: entry.isLoading ? .loading : entry.isFreeing ? .freeing : .loaded,
                    progress: entry.isLoading ? state.loads[id]?.progress.fraction ?? 0 : 1, memory: entry.memory, users: entry.users,
                    isPinned: entry.isPinned, expiresIn: entry.expiry.map { max(0, $0 - now) }, backend: entry.loaded?.backend)
            }
        }
    }

    /// How far the load of a model is, 0 to 1; nil when it is not being loaded.
    package func progress(of id: String) -> Double? { state.withLock { $0.loads[id]?.progress.fraction } }

    /// What a model takes, or would take; nil where its disk does not answer.
    package func memory(of record: ModelRecord) async -> MemoryUse? {
        if let known = state.withLock({ $0.pool.entries[record.loaded.id]?.memory }) { return known }
        return try? await estimated(record.loaded, settings(record.loaded))
    }

    /// Throws `DiskWork.NoAnswer` and `CancellationError`.
    private func estimated(_ record: ModelRecord, _ settings: ModelSettings) async throws -> MemoryUse {
        try await onDisk { [estimate] in estimate(record, settings) }
    }

    /// What a load goes by now. Throws `DiskWork.NoAnswer` and `CancellationError`.
    func currentTerms(_ record: ModelRecord, _ settings: ModelSettings) async throws -> LoadTerms {
        try await onDisk { [terms] in terms(record, settings) }
    }

    private func onDisk<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async throws -> Value {
        try await disk.run(patience: diskPatience / .seconds(1), body)
    }

    // MARK: Using

    /// The model of this name, loaded. Waits for its memory and its load; callers that want the same model join one load.
    /// - keepAlive: how long it stays after its users; nil leaves that as it is.
    /// - onlyLoads: whether it is for the load alone, which may then be stopped.
    package func acquire(_ name: String, keepAlive: KeepAlive? = nil, onlyLoads: Bool = false) async throws -> ModelLease {
        try await acquire(try await findUsable(name), keepAlive: keepAlive, onlyLoads: onlyLoads)
    }

    /// A task that is cancelled waits no longer.
    package func acquire(_ record: ModelRecord, keepAlive: KeepAlive? = nil, onlyLoads: Bool = false) async throws -> ModelLease {
        let loaded = record.loaded
        let settings = settings(loaded)
        // Of one that is outdated it says nothing about the next.
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
                // The cancellation may have been faster than the request.
                if Task.isCancelled { cancel(ticket) }
            }
        } onCancel: {
            cancel(ticket)
        }
    }

    private func cancel(_ ticket: Pool.Ticket) {
        guard let request = state.withLock({ $0.requests.removeValue(forKey: ticket) }) else { return }
        act { state, now in state.pool.cancel(ticket, now: now) }
        request.answer.resume(throwing: CancellationError())
    }

    /// Loads what is to be there from the beginning. A failure is logged and nobody else's.
    package func preload(_ name: String) async {
        do {
            _ = try await acquire(name, onlyLoads: true)
        } catch {
            // Told to stop, or not even begun.
            if error is CancellationError { return }
            logger.error("could not preload", metadata: ["model": "\(name)", "error": "\(error)"])
        }
    }

    /// Loads every model whose settings ask for it, one after the other.
    package func preloadAll() async {
        for record in await list() where record.isLoadable && settings(record).preloads && !Task.isCancelled { await preload(record.id) }
    }

    // MARK: Acting

    /// Decides under the lock, acts after it.
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
            guard let record = state.records[id] else { preconditionFailure("a model is loaded that nobody asked for") }
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
        // Who asked may have waited while the disk changed.
        let record = await newestRecords()[asked.id] ?? asked
        let settings = settings(record)
        logger.info("loading a model", metadata: ["model": "\(record.id)", "path": "\(record.path)"])
        do {
            let terms = try await currentTerms(record, settings)
            state.withLock { $0.terms[record.id] = terms }
            let model = try await load(record, settings, progress)
            logger.info("loaded a model", metadata: ["model": "\(record.id)", "bytes": "\(model.memory.total)"])
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
            logger.info("stopped loading a model", metadata: ["model": "\(id)"])
        } else {
            logger.error("could not load a model", metadata: ["model": "\(id)", "error": "\(error)"])
        }
        let reason = progress.isCancelled ? .shuttingDown : error as? ModelError ?? .loadFailed(id, reason: "\(error)")
        act { state, now in
            state.loads[id] = nil
            state.terms[id] = nil
            return state.pool.didFail(id, reason, now: now)
        }
    }

    private func release(_ id: String) { act { state, now in state.pool.release(id, now: now) } }

    private func free(_ id: String, _ last: LastReference) async {
        let whenFreed = await Self.shutDown(last.take())
        await whenFreed?()
        logger.info("freed a model", metadata: ["model": "\(id)"])
        act { state, now in
            state.freeing[id] = nil
            state.terms[id] = nil
            return state.pool.didFree(id, now: now)
        }
    }

    /// When it returns, its reference is gone.
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

    /// Does what is due: frees what nobody has used for long enough, refuses who has waited too long.
    package func advance() {
        act { state, now in
            state.alarm = nil
            return state.pool.advance(now: now)
        }
    }
}

/// The one reference that is left of a model that has to go.
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
