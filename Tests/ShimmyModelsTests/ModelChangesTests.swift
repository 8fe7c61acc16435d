import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyModels
import ShimmyTestSupport
import Synchronization
import Testing

/// Changes of files and settings while a model is loaded or loading.
@Suite struct ModelChangesTests {
    /// The inputs that a test changes, and the resulting loads with the file's time, the context and the template of each.
    private final class Disk: Sendable {
        let modified = Mutex(1)
        let settings = Mutex(ModelSettings())
        let template = Mutex("old")
        let loads = Mutex<[String]>([])
        let gate: AsyncStream<Void>
        let open: AsyncStream<Void>.Continuation

        init() { (gate, open) = AsyncStream.makeStream() }

        var started: [String] { loads.withLock { $0 } }
    }

    /// Returns a manager with one model.
    private static func manager(_ disk: Disk, gated: Bool = false) -> ModelManager {
        ModelManager(
            limits: .init(budget: 200), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: { 0 },
            scan: {
                let modified = disk.modified.withLock { $0 }
                let record = ModelRecord(id: "a", path: "/a", source: .shimmy, kind: .model, sizeBytes: 1, modified: modified, shards: [])
                return ModelCatalog(records: [record])
            },
            settings: { _ in disk.settings.withLock { $0 } }, estimate: { _, _ in MemoryUse(weights: 100) },
            terms: { LoadTerms($0, $1, chatTemplate: disk.template.withLock { $0 }) }
        ) { record, settings, _ in
            let template = disk.template.withLock { $0 }
            disk.loads.withLock { $0.append("\(record.modified) \(settings.contextLength ?? 0) \(template)") }
            if gated { for await _ in disk.gate { break } }
            return LoadedModel(backend: FakeBackend().backend, memory: MemoryUse(weights: 100))
        }
    }

    private static func untilFreed(_ manager: ModelManager) async {
        while !manager.statuses.isEmpty { await Task.yield() }
    }

    @Test func whatIsLoadedIsHeldAgainstWhatItWasLoadedWith() async throws {
        let disk = Disk()
        let manager = Self.manager(disk)
        do { _ = try await manager.acquire("a") }
        await manager.rescan()
        await manager.applySettings()
        #expect(manager.statuses.map(\.stage) == [.loaded], "nothing changed")
        // The template's file changed without a notification.
        disk.template.withLock { $0 = "new" }
        await manager.rescan()
        #expect(manager.statuses.map(\.stage) == [.loaded], "settings are looked at when somebody says so")
        await manager.applySettings()
        await Self.untilFreed(manager)
        do { _ = try await manager.acquire("a") }
        disk.modified.withLock { $0 = 2 }
        await manager.rescan()
        await Self.untilFreed(manager)
        do { _ = try await manager.acquire("a") }
        disk.settings.withLock { $0.contextLength = 512 }
        await manager.applySettings()
        await Self.untilFreed(manager)
        _ = try await manager.acquire("a")
        #expect(disk.started == ["1 0 old", "1 0 new", "2 0 new", "2 512 new"])
    }

    @Test(arguments: [false, true]) func whatChangesDuringALoadIsTakenWhenItIsDone(files: Bool) async throws {
        let disk = Disk()
        let manager = Self.manager(disk, gated: true)
        let acquired = Task { try await manager.acquire("a").record.id }
        while disk.started.isEmpty { await Task.yield() }
        if files {
            disk.modified.withLock { $0 = 2 }
            await manager.rescan()
        } else {
            disk.settings.withLock { $0.contextLength = 512 }
            await manager.applySettings()
        }
        disk.open.finish()
        let id = try await acquired.value
        #expect(id == "a" && disk.started == ["1 0 old", files ? "2 0 old" : "1 512 old"])
    }

    /// A load is compared with the known inputs at its end, even without a notification: a scan for another reason may have found the change.
    @Test func aLoadIsHeldAgainstWhatIsKnownAtItsEnd() async throws {
        let disk = Disk()
        let manager = Self.manager(disk, gated: true)
        let acquired = Task { try await manager.acquire("a").record.id }
        while disk.started.isEmpty { await Task.yield() }
        disk.modified.withLock { $0 = 2 }
        await #expect(throws: ModelError.unknown("nope")) { try await manager.find("nope") }
        disk.open.finish()
        _ = try await acquired.value
        #expect(disk.started == ["1 0 old", "2 0 old"])
    }

    @Test func whatRequestsSaidHoldsUntilSettingsSaySomethingNew() async throws {
        let disk = Disk()
        let manager = Self.manager(disk)
        do { _ = try await manager.acquire("a", keepAlive: .seconds(100)) }
        func expiry() -> Double? { manager.statuses.first?.expiresIn }
        #expect(expiry() == 100)
        await manager.applySettings()
        #expect(expiry() == 100)
        disk.settings.withLock { $0.keepAlive = .seconds(7) }
        await manager.applySettings()
        #expect(expiry() == 7)
        disk.settings.withLock { $0.isPinned = true }
        await manager.applySettings()
        #expect(expiry() == nil && manager.statuses.first?.isPinned == true)
        #expect(disk.started.count == 1)
    }
}
