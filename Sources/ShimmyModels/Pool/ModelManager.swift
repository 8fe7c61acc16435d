package import Logging
package import ShimmyChat
import Synchronization

/// Why a model cannot serve a request.
package enum ModelError: Error, Equatable, CustomStringConvertible {
    case unknown(String)
    /// It was found and cannot be used; the reason is for people.
    case unusable(String, reason: String)
    case loadFailed(String, reason: String)
    /// As many models as allowed are answering requests right now.
    case allInUse(Int)
    /// It answers requests, and cannot be freed.
    case inUse(String)
    case shuttingDown

    package var description: String {
        switch self {
        case .unknown(let name): "no model named \(name) was found"
        case .unusable(let name, let reason): "the model \(name) cannot be used: \(reason)"
        case .loadFailed(let name, let reason): "the model \(name) could not be loaded: \(reason)"
        case .allInUse(let count): "all \(count) models that may be loaded at once are answering requests"
        case .inUse(let name): "the model \(name) is answering requests"
        case .shuttingDown: "the server is shutting down"
        }
    }
}

/// A loaded model, kept loaded for as long as this value lives.
package final class ModelLease: Sendable {
    package let record: ModelRecord
    package let backend: any Backend
    private let release: @Sendable () -> Void

    init(record: ModelRecord, backend: any Backend, release: @escaping @Sendable () -> Void) {
        self.record = record
        self.backend = backend
        self.release = release
    }

    deinit { release() }
}

/// Serves models by name: finds them, loads them on first use, shares them, frees the idle ones.
package final class ModelManager: Sendable {
    package typealias Loader = @Sendable (ModelRecord, ModelSettings) async throws -> any Backend
    /// How a model is to be served; asked anew for each load.
    package typealias SettingsOf = @Sendable (ModelRecord) -> ModelSettings
    private typealias LoadTask = Task<Void, any Error>

    private struct State {
        var pool: ModelPool<any Backend, LoadTask>
        var stopped = false
    }

    private let state: Mutex<State>
    private let capacity: Int
    private let catalog: CatalogCache
    private let settings: SettingsOf
    private let load: Loader
    private let logger: Logger
    /// How long a model stays that nobody uses, in seconds; nil for ever.
    private let keepAlive: Double?
    private let now: @Sendable () -> Double

    /// - now: seconds, of a clock that only goes forward.
    /// - scan: finds the models on the disk; it may block.
    /// - capacity: models that may be loaded at once.
    package init(
        capacity: Int, keepAlive: Double? = nil, logger: Logger, now: @escaping @Sendable () -> Double = ModelManager.uptime,
        scan: @escaping @Sendable () -> ModelCatalog, settings: @escaping SettingsOf = { _ in ModelSettings() }, load: @escaping Loader
    ) {
        self.settings = settings
        self.keepAlive = keepAlive
        self.now = now
        self.state = Mutex(State(pool: ModelPool(capacity: capacity)))
        self.capacity = capacity
        self.catalog = CatalogCache(scan: scan)
        self.load = load
        self.logger = logger
    }

    // MARK: Finding

    /// All models on the disk, loading none.
    package func list() async -> [ModelRecord] { await catalog.current().records }

    /// Other names that lead to a model.
    package func aliases(of record: ModelRecord) async -> [String] { await catalog.latest().aliases(of: record) }

    /// Looks at the disk again: something is known to have changed.
    package func rescan() async { _ = await catalog.refreshed() }

    /// Finds a model by its name. Looks at the disk again before it says no.
    package func find(_ name: String) async throws(ModelError) -> ModelRecord {
        if let record = await catalog.latest().resolve(name) { return record }
        if let record = await catalog.refreshed().resolve(name) { return record }
        throw .unknown(name)
    }

    /// The model that is meant where none is named: the only one that is loaded, or else the only one that there is. Nil for no such.
    package func onlyModel() async -> String? {
        let loaded = loaded
        if loaded.count == 1 { return loaded[0].id }
        let usable = await list().filter { $0.kind == .model && $0.problem == nil }
        return usable.count == 1 ? usable[0].id : nil
    }

    /// The backend of a model when it is loaded.
    package func loadedBackend(_ record: ModelRecord) -> (any Backend)? { state.withLock { $0.pool.loaded(record.loaded.id) } }

    /// Sorted by name.
    package var loaded: [(id: String, backend: any Backend)] { state.withLock { $0.pool.allLoaded.map { ($0.id, $0.resource) } } }
    package var isLoading: Bool { state.withLock { $0.pool.isLoading } }
    package var isShuttingDown: Bool { state.withLock { $0.stopped } }

    // MARK: Using

    /// The model of this name, loaded. Callers that want the same model join one load.
    package func acquire(_ name: String) async throws -> ModelLease {
        let record = try await find(name)
        if let problem = record.problem { throw ModelError.unusable(record.id, reason: problem) }
        guard record.isLoadable else {
            throw ModelError.unusable(record.id, reason: "its file holds no language model (\(record.kind.rawValue))")
        }
        while true {
            // Decided and acted upon in one synchronous call: nothing can come between.
            let action = try state.withLock { state in
                if state.stopped { throw ModelError.shuttingDown }
                return state.pool.request(record.loaded.id) { evicted in startLoading(record.loaded, evicting: evicted) }
            }
            switch action {
            case .use(let backend): return lease(record, backend)
            case .wait(let task): try await task.value
            case .full: throw ModelError.allInUse(capacity)
            }
        }
    }

    private func lease(_ record: ModelRecord, _ backend: any Backend) -> ModelLease {
        ModelLease(record: record, backend: backend) { [weak self, now] in self?.state.withLock { $0.pool.release(record.loaded.id, now: now()) } }
    }

    private func startLoading(_ record: ModelRecord, evicting evicted: [any Backend]) -> LoadTask {
        Task {
            do {
                for backend in evicted { await backend.shutdown() }
                logger.info("loading a model", metadata: ["model": "\(record.id)", "path": "\(record.path)"])
                let backend = try await load(record, settings(record))
                let stopped = state.withLock { state in
                    if !state.stopped { state.pool.didLoad(record.id, backend, now: now()) }
                    return state.stopped
                }
                if stopped {
                    await backend.shutdown()
                    throw ModelError.shuttingDown
                }
                logger.info("loaded a model", metadata: ["model": "\(record.id)"])
            } catch {
                state.withLock { $0.pool.didFail(record.id) }
                logger.error("could not load a model", metadata: ["model": "\(record.id)", "error": "\(error)"])
                throw error as? ModelError ?? ModelError.loadFailed(record.id, reason: "\(error)")
            }
        }
    }

    // MARK: Freeing

    /// Frees a model that nobody uses; returns whether it was loaded. Throws `ModelError`.
    package func unload(_ name: String) async throws -> Bool {
        let record = try await find(name)
        switch state.withLock({ $0.pool.remove(record.loaded.id) }) {
        case .notLoaded: return false
        case .inUse: throw ModelError.inUse(record.id)
        case .removed(let backend):
            await backend.shutdown()
            logger.info("freed a model", metadata: ["model": "\(record.id)"])
            return true
        }
    }

    /// Frees what nobody has used for as long as models are kept.
    package func freeIdle() async {
        guard let keepAlive else { return }
        for (id, backend) in state.withLock({ $0.pool.takeIdle(since: now() - keepAlive) }) {
            await backend.shutdown()
            logger.info("freed a model that nobody used", metadata: ["model": "\(id)", "seconds": "\(keepAlive)"])
        }
    }

    /// Looks for idle models now and then, until its task is cancelled.
    package func keepFreeingIdle() async {
        guard let keepAlive else { return }
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(min(10, max(0.05, keepAlive / 4))))
            await freeIdle()
        }
    }

    package static let uptime: @Sendable () -> Double = {
        let start = ContinuousClock.now
        return { (ContinuousClock.now - start) / .seconds(1) }
    }()

    /// Frees every model; requests that come later are refused.
    package func shutdown() async {
        let backends = state.withLock { state in
            state.stopped = true
            return state.pool.removeAll()
        }
        for backend in backends { await backend.shutdown() }
    }
}

/// Remembers what the last look at the disk found: requests must not wait for a scan each.
actor CatalogCache {
    private let scan: @Sendable () -> ModelCatalog
    private var catalog: ModelCatalog?
    private var scannedAt = ContinuousClock.now
    private var running: Task<ModelCatalog, Never>?
    /// How old an answer may be.
    private static let lifetime = Duration.seconds(10)

    init(scan: @escaping @Sendable () -> ModelCatalog) { self.scan = scan }

    func current() async -> ModelCatalog {
        if let catalog, scannedAt.duration(to: .now) < Self.lifetime { return catalog }
        return await refreshed()
    }

    /// The last answer, however old: whoever asks for a model by name need not wait for the disk.
    func latest() async -> ModelCatalog {
        if let catalog { return catalog }
        return await refreshed()
    }

    /// A scan of now; callers that come while one runs share it.
    func refreshed() async -> ModelCatalog {
        if let running { return await running.value }
        let task = Task.detached { [scan] in scan() }
        running = task
        let found = await task.value
        running = nil
        catalog = found
        scannedAt = .now
        return found
    }
}
