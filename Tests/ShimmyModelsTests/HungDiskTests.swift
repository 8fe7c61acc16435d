import Foundation
import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyModels
import ShimmyTestSupport
import Synchronization
import Testing

/// An unresponsive disk, such as that of a lost file server: loaded models still answer requests.
@Suite struct HungDiskTests {
    /// A disk that answers until the test hangs it, and hangs until the test releases it.
    private final class Disk: Sendable {
        private let condition = NSCondition()
        private let hangs = Mutex(false)
        private let hanging = Mutex(0)

        var waiting: Int { hanging.withLock { $0 } }
        func hang() { hangs.withLock { $0 = true } }
        func recover() {
            hangs.withLock { $0 = false }
            condition.withLock { condition.broadcast() }
        }
        func touch() {
            condition.withLock {
                while hangs.withLock({ $0 }) {
                    hanging.withLock { $0 += 1 }
                    condition.wait()
                    hanging.withLock { $0 -= 1 }
                }
            }
        }
    }

    private static func manager(_ disk: Disk, patience: Duration) -> ModelManager {
        let records = ["a", "b"].map { name in
            ModelRecord(id: name, path: "/\(name)", source: .shimmy, kind: .model, sizeBytes: 1, modified: 1, shards: [])
        }
        return ModelManager(
            limits: .init(budget: 1000), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            scan: {
                disk.touch()
                return ModelCatalog(records: records)
            },
            estimate: { _, _ in
                disk.touch()
                return MemoryUse(weights: 1)
            },
            terms: {
                disk.touch()
                return LoadTerms($0, $1)
            }, disk: DiskWork(pool: WorkerPool(name: "test", threads: 8)), diskPatience: patience
        ) { _, _, _ in LoadedModel(backend: FakeBackend().backend, memory: MemoryUse(weights: 1)) }
    }

    @Test(.timeLimit(.minutes(1))) func loadedModelsServeWhileADiskHangs() async throws {
        let disk = Disk()
        let manager = Self.manager(disk, patience: .milliseconds(500))
        _ = try await manager.acquire("a")
        disk.hang()
        let scan = Task { await manager.rescan() }
        while disk.waiting == 0 { await Task.yield() }
        for _ in 0..<20 {
            let lease = try await manager.acquire("a")
            #expect(lease.record.id == "a")
        }
        #expect(manager.statuses.map(\.id) == ["a"])
        // Requests that need the disk are refused after a timeout, and the model list is the last known one.
        await #expect(throws: ModelError.loadFailed("b", reason: "the disk does not respond")) { try await manager.acquire("b") }
        let record = try await manager.find("b")
        let memory = await manager.memory(of: record)
        #expect(memory == nil)
        await #expect(throws: ModelError.loadFailed("none", reason: "the disk does not respond")) { try await manager.find("none") }
        let names = await manager.list().map(\.id)
        #expect(names == ["a", "b"])
        await scan.value
        disk.recover()
        while disk.waiting > 0 { await Task.yield() }
        while (try? await manager.acquire("b")) == nil { await Task.yield() }
        await #expect(throws: ModelError.unknown("none")) { try await manager.find("none") }
        await manager.shutdown()
    }

    @Test(.timeLimit(.minutes(1))) func whoGoesAwayDoesNotWaitForTheDisk() async throws {
        let disk = Disk()
        let manager = Self.manager(disk, patience: .seconds(3600))
        _ = try await manager.find("a")
        disk.hang()
        let request = Task { try await manager.acquire("a") }
        while disk.waiting == 0 { await Task.yield() }
        request.cancel()
        await #expect(throws: CancellationError.self) { try await request.value }
        disk.recover()
    }
}
