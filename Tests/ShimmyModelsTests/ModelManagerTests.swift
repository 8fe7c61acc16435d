import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyModels
import ShimmyTestSupport
import Synchronization
import Testing

/// Loading, sharing and freeing of models, with backends without function.
@Suite struct ModelManagerTests {
    /// A counter of loads, whose completion the test controls.
    private final class Loads: Sendable {
        let started = Mutex<[String]>([])
        let backends = Mutex<[String: FakeBackend]>([:])
        let gate: AsyncStream<Void>
        let open: AsyncStream<Void>.Continuation

        init() { (gate, open) = AsyncStream.makeStream() }
    }

    private struct Broken: Error {}

    private static func record(_ id: String, kind: ModelKind = .model, problem: String? = nil) -> ModelRecord {
        ModelRecord(id: id, path: "/\(id)", source: .shimmy, kind: kind, sizeBytes: 1, modified: 1, shards: [], problem: problem)
    }

    /// Returns a manager whose models take 100 bytes of memory each.
    private static func manager(
        _ loads: Loads, budget: Int = 200, gated: Bool = false, keepAlive: KeepAlive = .forever, settings: ModelSettings = ModelSettings(),
        grammarBytes: Int = 0, logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        now: @escaping @Sendable () -> Double = { 0 }
    ) -> ModelManager {
        let records = ["a", "b", "c", "broken", "large"].map { record($0) } + [record("lora", kind: .adapter), record("cut", problem: "it is cut")]
        return ModelManager(
            limits: .init(budget: budget), keepAlive: keepAlive, logger: logger, now: now,
            scan: { ModelCatalog(records: records) }, settings: { _ in settings },
            estimate: { record, _ in MemoryUse(weights: record.id == "large" ? 1000 : 100) }
        ) { record, _, progress in
            loads.started.withLock { $0.append(record.id) }
            progress.report(0.5)
            if gated { for await _ in loads.gate { break } }
            if progress.isCancelled { throw CancellationError() }
            if record.id == "broken" { throw Broken() }
            let backend = FakeBackend(grammarBytes: grammarBytes)
            loads.backends.withLock { $0[record.id] = backend }
            return LoadedModel(backend: backend.backend, memory: MemoryUse(weights: 90, cache: 6, compute: 4))
        }
    }

    @Test func callersJoinOneLoad() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, gated: true)
        async let first = manager.acquire("a")
        async let second = manager.acquire("A")
        while !manager.isLoading { await Task.yield() }
        loads.open.finish()
        let leases = try await [first, second]
        #expect(leases[0].backend.engine as? FakeBackend === leases[1].backend.engine as? FakeBackend)
        #expect(loads.started.withLock { $0 } == ["a"])
        #expect(!manager.isLoading)
    }

    @Test func theIdleModelUsedLeastRecentlyGoes() async throws {
        let loads = Loads()
        let manager = Self.manager(loads)
        for name in ["a", "b", "a", "c"] { _ = try await manager.acquire(name) }
        let stopped = loads.backends.withLock { $0.mapValues(\.isStopped) }
        #expect(stopped == ["a": false, "b": true, "c": false])
        #expect(manager.loadedBackend(Self.record("b")) == nil)
    }

    /// The memory of grammars counts, and grammars are evicted before models.
    @Test func grammarsGoBeforeModels() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, budget: 225, grammarBytes: 30)
        _ = try await manager.acquire("a")
        #expect(manager.memory.used == 130 && manager.statuses[0].memory.grammars == 30)
        _ = try await manager.acquire("b")
        #expect(manager.loadedBackend(Self.record("a")) != nil, "only its grammars went")
        #expect(manager.memory.used == 200 && manager.statuses.map(\.memory.grammars) == [0, 0])
    }

    /// Grammars beyond the budget are evicted; they never cause a model to be evicted.
    @Test func grammarsBeyondTheBudgetGo() async throws {
        let manager = Self.manager(Loads(), budget: 210, grammarBytes: 30)
        for name in ["a", "b", "a"] { _ = try await manager.acquire(name) }
        #expect(manager.memory.used <= 210 && manager.loaded.map(\.id) == ["a", "b"])
    }

    @Test func whoeverFindsNoRoomWaitsForTheLastUser() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, budget: 100)
        var lease: ModelLease? = try await manager.acquire("a")
        let other = Task { try await manager.acquire("b") }
        while manager.waitingCount == 0 { await Task.yield() }
        _ = try await manager.acquire("a")
        #expect(loads.started.withLock { $0 } == ["a"])
        withExtendedLifetime(lease) {}
        lease = nil
        let waited = try await other.value
        #expect(waited.record.id == "b")
        #expect(loads.backends.withLock { $0["a"]?.isStopped } == true)
    }

    @Test func whoeverGivesUpWaitsNoLonger() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, budget: 100)
        let lease = try await manager.acquire("a")
        let other = Task { try await manager.acquire("b") }
        while manager.waitingCount == 0 { await Task.yield() }
        other.cancel()
        await #expect(throws: CancellationError.self) { try await other.value }
        #expect(manager.waitingCount == 0)
        withExtendedLifetime(lease) {}
        #expect(loads.started.withLock { $0 } == ["a"])
    }

    @Test func whatCanNeverFitSaysHowMuchItNeeds() async throws {
        let manager = Self.manager(Loads())
        let error = await #expect(throws: ModelError.self) { try await manager.acquire("large") }
        #expect(error == .tooLarge("large", needed: MemoryUse(weights: 1000), available: 200))
        #expect(error?.description.contains("1000 bytes") == true && error?.description.contains("200 bytes") == true)
    }

    @Test func statusTellsOfLoadsAndOfWhatIsLoaded() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, gated: true, keepAlive: .seconds(60))
        let acquired = Task { try await manager.acquire("a").record.id }
        while manager.progress(of: "a") != 0.5 { await Task.yield() }
        let loading = try #require(manager.statuses.first)
        #expect(loading.stage == .loading && loading.progress == 0.5 && loading.memory.total == 100 && loading.backend == nil)
        loads.open.finish()
        _ = try await acquired.value
        var lease: ModelLease? = try await manager.acquire("a")
        let used = try #require(manager.statuses.first)
        #expect(used.stage == .loaded && used.users == 1 && used.expiresIn == nil && used.memory == MemoryUse(weights: 90, cache: 6, compute: 4))
        #expect(manager.memory.budget == 200 && manager.memory.used == 100)
        withExtendedLifetime(lease) {}
        lease = nil
        #expect(try #require(manager.statuses.first).users == 0 && manager.statuses.first?.expiresIn == 60)
    }

    @Test func theEndStopsALoad() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, gated: true)
        let acquired = Task { try await manager.acquire("a") }
        while !manager.isLoading { await Task.yield() }
        let end = Task { await manager.shutdown() }
        await #expect(throws: ModelError.shuttingDown) { try await acquired.value }
        #expect(manager.isLoading)
        loads.open.finish()
        await end.value
        #expect(!manager.isLoading && manager.statuses.isEmpty && loads.backends.withLock { $0.isEmpty })
    }

    @Test func aLoadIsStoppedOnRequest() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, gated: true)
        let first = Task { try await manager.acquire("a", onlyLoads: true) }
        while !manager.isLoading { await Task.yield() }
        let unloading = Task { try await manager.unload("a") }
        await #expect(throws: ModelError.loadStopped("a")) { try await first.value }
        let second = Task { try await manager.acquire("a").record.id }
        while manager.waitingCount == 0 { await Task.yield() }
        loads.open.finish()
        let wasThere = try await unloading.value
        let loaded = try await second.value
        #expect(wasThere && loaded == "a", "whoever comes later has it loaded anew")
        #expect(loads.started.withLock { $0 } == ["a", "a"])
    }

    @Test func aStoppedPreloadIsNotAnError() async throws {
        let (loads, record) = (Loads(), LevelRecord())
        let manager = Self.manager(loads, gated: true, logger: Logger(label: "test") { _ in LevelRecorder(record: record) })
        let preload = Task { await manager.preload("a") }
        while !manager.isLoading { await Task.yield() }
        let unloading = Task { try await manager.unload("a") }
        await preload.value
        loads.open.finish()
        let wasThere = try await unloading.value
        let levels = record.levels.withLock { $0 }
        #expect(wasThere && levels.contains(.info) && !levels.contains(.error))
    }

    @Test func settingsPinAndPreload() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, budget: 500, settings: ModelSettings(isPinned: true, preloads: true))
        await manager.preloadAll()
        #expect(loads.started.withLock { $0 } == ["a", "b", "broken", "c"])
        #expect(manager.statuses.map(\.id) == ["a", "b", "c"])
        #expect(manager.statuses.allSatisfy { $0.isPinned && $0.users == 0 })
    }

    @Test func afterTheLastUserAModelCanGo() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, budget: 100)
        do { _ = try await manager.acquire("a") }
        _ = try await manager.acquire("b")
        #expect(loads.backends.withLock { $0["a"]?.isStopped } == true)
    }

    @Test func aFailedLoadCanBeTriedAgain() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, budget: 100)
        for _ in 0..<2 {
            let error = await #expect(throws: ModelError.self) { try await manager.acquire("broken") }
            #expect(error == .loadFailed("broken", reason: "Broken()"))
        }
        #expect(loads.started.withLock { $0.count } == 2)
        _ = try await manager.acquire("a")
    }

    @Test func whatCannotBeServedIsRefusedBeforeLoading() async throws {
        let loads = Loads()
        let manager = Self.manager(loads)
        await #expect(throws: ModelError.unknown("nope")) { try await manager.acquire("nope") }
        await #expect(throws: ModelError.unusable("cut", reason: "it is cut")) { try await manager.acquire("cut") }
        await #expect(throws: ModelError.unusable("lora", reason: "its file contains no language model (adapter)")) {
            try await manager.acquire("lora")
        }
        #expect(loads.started.withLock { $0.isEmpty })
    }

    @Test func whatNobodyUsesGoesInTime() async throws {
        final class Shared: Sendable { let time = Mutex(0.0) }
        let shared = Shared()
        let loads = Loads()
        let manager = Self.manager(loads, keepAlive: .seconds(60)) { shared.time.withLock { $0 } }
        let stopped = { loads.backends.withLock { $0.mapValues(\.isStopped) } }
        let lease = try await manager.acquire("a")
        _ = try await manager.acquire("b")
        shared.time.withLock { $0 = 59 }
        manager.advance()
        #expect(stopped() == ["a": false, "b": false])
        shared.time.withLock { $0 = 61 }
        manager.advance()
        while manager.statuses.count > 1 { await Task.yield() }
        #expect(stopped() == ["a": false, "b": true], "a stream never loses its model")
        withExtendedLifetime(lease) {}
    }

    @Test func modelsAreFreedOnRequest() async throws {
        let loads = Loads()
        let manager = Self.manager(loads)
        let before = try await manager.unload("a")
        #expect(!before)
        do {
            let lease = try await manager.acquire("a")
            await #expect(throws: ModelError.inUse("a")) { try await manager.unload("a") }
            withExtendedLifetime(lease) {}
        }
        let after = try await manager.unload("A")
        #expect(after && manager.loaded.isEmpty)
        #expect(loads.backends.withLock { $0["a"]?.isStopped } == true)
        await #expect(throws: ModelError.unknown("nope")) { try await manager.unload("nope") }
    }

    @Test func shuttingDownFreesEverythingAndRefusesTheRest() async throws {
        let loads = Loads()
        let manager = Self.manager(loads)
        _ = try await manager.acquire("a")
        await manager.shutdown()
        #expect(loads.backends.withLock { $0["a"]?.isStopped } == true)
        await #expect(throws: ModelError.shuttingDown) { try await manager.acquire("a") }
    }
}
