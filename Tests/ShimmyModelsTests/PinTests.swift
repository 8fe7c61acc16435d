import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyModels
import ShimmyTestSupport
import Synchronization
import Testing

/// Pins that requests ask for, with backends without function.
@Suite struct PinTests {
    private static func record(_ id: String) -> ModelRecord {
        ModelRecord(id: id, path: "/\(id)", source: .shimmy, kind: .model, sizeBytes: 1, modified: 1, shards: [])
    }

    /// Returns a manager with memory for two of its models.
    private static func manager(
        keepAlive: KeepAlive = .forever, settings: @escaping @Sendable (ModelRecord) -> ModelSettings = { _ in ModelSettings() },
        now: @escaping @Sendable () -> Double = { 0 }
    ) -> ModelManager {
        ModelManager(
            limits: .init(budget: 200), keepAlive: keepAlive, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: now,
            scan: { ModelCatalog(records: ["a", "b", "c"].map { Self.record($0) }) }, settings: settings,
            estimate: { _, _ in MemoryUse(weights: 100) }
        ) { _, _, _ in LoadedModel(backend: FakeBackend().backend, memory: MemoryUse(weights: 100)) }
    }

    private static func pin(_ name: String, on manager: ModelManager) async throws {
        let lease = try await manager.acquire(name)
        manager.setPin(true, of: lease.record)
        withExtendedLifetime(lease) {}
    }

    @Test func aPinnedModelStaysWhenOthersNeedItsMemory() async throws {
        let manager = Self.manager()
        try await Self.pin("a", on: manager)
        for name in ["b", "c", "b"] { _ = try await manager.acquire(name) }
        #expect(manager.loaded.map(\.id) == ["a", "b"])
        #expect(manager.statuses.map(\.isPinned) == [true, false])
        // Without its pin, it was used least recently.
        manager.setPin(false, of: Self.record("a"))
        _ = try await manager.acquire("c")
        #expect(manager.loaded.map(\.id) == ["b", "c"])
    }

    @Test func aPinnedModelIsNotFreedByTime() async throws {
        let clock = Mutex(0.0)
        let manager = Self.manager(keepAlive: .seconds(10), now: { clock.withLock { $0 } })
        try await Self.pin("a", on: manager)
        clock.withLock { $0 = 1000 }
        manager.advance()
        #expect(manager.statuses.map(\.stage) == [.loaded] && manager.statuses.map(\.expiresIn) == [nil])
        manager.setPin(false, of: Self.record("a"))
        while !manager.statuses.isEmpty { await Task.yield() }
    }

    @Test func aPinSurvivesNewSettingsAndEndsWithTheUnload() async throws {
        let manager = Self.manager()
        try await Self.pin("a", on: manager)
        await manager.applySettings()
        #expect(manager.statuses.map(\.isPinned) == [true])
        #expect(try await manager.unload("a"))
        _ = try await manager.acquire("a")
        #expect(manager.statuses.map(\.isPinned) == [false])
    }

    @Test func aRequestEndsThePinOfTheSettingsUntilTheUnload() async throws {
        let manager = Self.manager(settings: { _ in ModelSettings(isPinned: true) })
        _ = try await manager.acquire("a")
        #expect(manager.statuses.map(\.isPinned) == [true])
        manager.setPin(false, of: Self.record("a"))
        await manager.applySettings()
        #expect(manager.statuses.map(\.isPinned) == [false])
        #expect(try await manager.unload("a"))
        _ = try await manager.acquire("a")
        #expect(manager.statuses.map(\.isPinned) == [true])
    }
}
