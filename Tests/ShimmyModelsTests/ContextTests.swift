import Logging
import ShimmyCore
import ShimmyEngine
import ShimmyModels
import ShimmyTestSupport
import Synchronization
import Testing

/// The context length that requests ask for.
@Suite struct ContextTests {
    private final class Loads: Sendable {
        /// The context lengths of all loads, in order.
        let contexts = Mutex<[Int?]>([])
    }

    /// Returns a manager with one model, which takes a byte for each token of its context, out of 100 bytes.
    /// - configured: the context length in the model's settings.
    private static func manager(_ loads: Loads, configured: Int? = nil) -> ModelManager {
        let record = ModelRecord(id: "a", path: "/a", source: .shimmy, kind: .model, sizeBytes: 1, modified: 1, shards: [])
        return ModelManager(
            limits: .init(budget: 100), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, scan: { ModelCatalog(records: [record]) },
            settings: { _ in ModelSettings(contextLength: configured) },
            estimate: { _, settings in MemoryUse(cache: settings.contextLength ?? 10) }
        ) { _, settings, _ in
            loads.contexts.withLock { $0.append(settings.contextLength) }
            return LoadedModel(backend: FakeBackend().backend, memory: MemoryUse(cache: settings.contextLength ?? 10))
        }
    }

    @Test func aLongerContextIsLoadedAtTheNextUse() async throws {
        let loads = Loads()
        let manager = Self.manager(loads)
        let record = try await manager.acquire("a").record
        try await manager.extendContext(of: record, to: 50)
        #expect(!manager.isReady(record))
        _ = try await manager.acquire("a")
        #expect(loads.contexts.withLock { $0 } == [nil, 50])
        try await manager.extendContext(of: record, to: 30)
        #expect(manager.isReady(record), "the context is long enough")
        #expect(manager.memory.used == 50)
    }

    @Test func aModelInUseIsReloadedAfterItsLastUser() async throws {
        let loads = Loads()
        let manager = Self.manager(loads)
        var lease: ModelLease? = try await manager.acquire("a")
        let record = try #require(lease?.record)
        try await manager.extendContext(of: record, to: 50)
        async let next = manager.acquire("a")
        while manager.waitingCount == 0 { await Task.yield() }
        #expect(loads.contexts.withLock { $0.count } == 1)
        #expect(lease?.record.id == "a")
        lease = nil
        _ = try await next
        #expect(loads.contexts.withLock { $0 } == [nil, 50])
    }

    @Test func aContextThatDoesNotFitChangesNothing() async throws {
        let loads = Loads()
        let manager = Self.manager(loads)
        let record = try await manager.acquire("a").record
        await #expect(throws: ModelError.tooLarge("a", needed: MemoryUse(cache: 500), available: 100)) {
            try await manager.extendContext(of: record, to: 500)
        }
        #expect(manager.isReady(record))
        _ = try await manager.acquire("a")
        #expect(loads.contexts.withLock { $0 } == [nil])
    }

    @Test func aModelThatIsNotLoadedGetsTheLongerContextAtOnce() async throws {
        let loads = Loads()
        let manager = Self.manager(loads, configured: 20)
        let record = try await manager.find("a")
        try await manager.extendContext(of: record, to: 50)
        _ = try await manager.acquire("a")
        #expect(loads.contexts.withLock { $0 } == [50])
    }
}
