import Logging
import ShimmyChat
import ShimmyEngine
import ShimmyModels
import Synchronization
import Testing

/// Loading, sharing and freeing of models, with backends that do nothing.
@Suite struct ModelManagerTests {
    private final class FakeBackend: Backend {
        let contextLength = 16
        let fingerprint = "fp"
        let statistics = EngineStatistics()
        let tokenizer = TokenizerFacts(beginning: nil, end: nil, template: "")
        let stopped = Mutex(false)

        func prepare(_ conversation: Conversation) async throws -> PreparedPrompt { throw GenerationError.emptyPrompt }
        func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) async throws -> [Int32] { [] }
        func pieces(of tokens: [Int32]) async throws -> [[UInt8]?] { [] }
        func complete(_ request: TextRequest, terms: ServiceTerms) async throws -> sending Answer { throw GenerationError.emptyPrompt }
        func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer { throw GenerationError.emptyPrompt }
        func shutdown() async { stopped.withLock { $0 = true } }
    }

    /// Counts loads; the test says when one may end.
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

    private static func manager(
        _ loads: Loads, capacity: Int = 2, gated: Bool = false, keepAlive: Double? = nil, now: @escaping @Sendable () -> Double = { 0 }
    ) -> ModelManager {
        let records = ["a", "b", "c", "broken"].map { record($0) } + [record("lora", kind: .adapter), record("cut", problem: "it is cut")]
        return ModelManager(
            capacity: capacity, keepAlive: keepAlive, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: now,
            scan: { ModelCatalog(records: records) }
        ) { record, _ in
            loads.started.withLock { $0.append(record.id) }
            if gated { for await _ in loads.gate { break } }
            if record.id == "broken" { throw Broken() }
            let backend = FakeBackend()
            loads.backends.withLock { $0[record.id] = backend }
            return backend
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
        #expect(leases[0].backend as? FakeBackend === leases[1].backend as? FakeBackend)
        #expect(loads.started.withLock { $0 } == ["a"])
        #expect(!manager.isLoading)
    }

    @Test func theIdleModelUsedLeastRecentlyGoes() async throws {
        let loads = Loads()
        let manager = Self.manager(loads)
        for name in ["a", "b", "a", "c"] { _ = try await manager.acquire(name) }
        let stopped = loads.backends.withLock { $0.mapValues { $0.stopped.withLock { $0 } } }
        #expect(stopped == ["a": false, "b": true, "c": false])
        #expect(manager.loadedBackend(Self.record("b")) == nil)
    }

    @Test func aModelInUseIsNeverFreed() async throws {
        let manager = Self.manager(Loads(), capacity: 1)
        let lease = try await manager.acquire("a")
        await #expect(throws: ModelError.allInUse(1)) { try await manager.acquire("b") }
        _ = try await manager.acquire("a")
        withExtendedLifetime(lease) {}
    }

    @Test func afterTheLastUserAModelCanGo() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, capacity: 1)
        do { _ = try await manager.acquire("a") }
        _ = try await manager.acquire("b")
        #expect(loads.backends.withLock { $0["a"]?.stopped.withLock { $0 } } == true)
    }

    @Test func aFailedLoadCanBeTriedAgain() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, capacity: 1)
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
        await #expect(throws: ModelError.unusable("lora", reason: "its file holds no language model (adapter)")) { try await manager.acquire("lora") }
        #expect(loads.started.withLock { $0.isEmpty })
    }

    @Test func whatNobodyUsesGoesInTime() async throws {
        final class Shared: Sendable { let time = Mutex(0.0) }
        let shared = Shared()
        let loads = Loads()
        let manager = Self.manager(loads, keepAlive: 60) { shared.time.withLock { $0 } }
        let stopped = { loads.backends.withLock { $0.mapValues { $0.stopped.withLock { $0 } } } }
        let lease = try await manager.acquire("a")
        _ = try await manager.acquire("b")
        shared.time.withLock { $0 = 59 }
        await manager.freeIdle()
        #expect(stopped() == ["a": false, "b": false])
        shared.time.withLock { $0 = 61 }
        await manager.freeIdle()
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
        #expect(loads.backends.withLock { $0["a"]?.stopped.withLock { $0 } } == true)
        await #expect(throws: ModelError.unknown("nope")) { try await manager.unload("nope") }
    }

    @Test func shuttingDownFreesEverythingAndRefusesTheRest() async throws {
        let loads = Loads()
        let manager = Self.manager(loads)
        _ = try await manager.acquire("a")
        await manager.shutdown()
        #expect(loads.backends.withLock { $0["a"]?.stopped.withLock { $0 } } == true)
        await #expect(throws: ModelError.shuttingDown) { try await manager.acquire("a") }
    }
}
