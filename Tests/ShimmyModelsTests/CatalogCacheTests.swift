import Foundation
import Logging
import ShimmyModels
import Synchronization
import Testing

/// When the disk is looked at, and what is said of names that lead to no single model.
@Suite struct CatalogCacheTests {
    /// Looks that end when the test says so; each finds a model with its number.
    private final class Looks: Sendable {
        let begun = Mutex(0)
        let mayEnd = Mutex(false)

        func look() -> ModelCatalog {
            let number = begun.withLock { begun in
                begun += 1
                return begun
            }
            while !mayEnd.withLock({ $0 }) { Thread.sleep(forTimeInterval: 0.001) }
            return ModelCatalog(records: [CatalogCacheTests.record("look-\(number)")])
        }
    }

    private static func record(_ id: String, quantization: String? = nil) -> ModelRecord {
        var record = ModelRecord(id: id, path: "/\(id)", source: .shimmy, kind: .model, sizeBytes: 1, modified: 1, shards: [])
        record.quantization = quantization
        return record
    }

    private static func manager(_ scan: @escaping @Sendable () -> ModelCatalog) -> ModelManager {
        ModelManager(limits: .init(budget: 1), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, scan: scan) { _, _, _ in
            throw CancellationError()
        }
    }

    /// It may have passed the place that changed.
    @Test func aLookThatRunsDoesNotAnswerForALaterChange() async throws {
        let looks = Looks()
        let manager = Self.manager { looks.look() }
        let first = Task { await manager.list().map(\.id) }
        while looks.begun.withLock({ $0 }) == 0 { await Task.yield() }
        let rescans = (0..<3).map { _ in Task { await manager.rescan() } }
        for _ in 0..<100 { await Task.yield() }
        looks.mayEnd.withLock { $0 = true }
        #expect(await first.value == ["look-1"])
        for rescan in rescans { await rescan.value }
        #expect(await manager.list().map(\.id) != ["look-1"])
        #expect(looks.begun.withLock { $0 } <= 4)
    }

    @Test func whatWasFoundIsNotLookedForAgainAtOnce() async throws {
        let looks = Looks()
        looks.mayEnd.withLock { $0 = true }
        let manager = Self.manager { looks.look() }
        for _ in 0..<3 { #expect(await manager.list().map(\.id) == ["look-1"]) }
        #expect(try await manager.find("look-1").id == "look-1")
        await manager.rescan()
        #expect(await manager.list().map(\.id) == ["look-2"])
    }

    @Test func aNameOfSeveralModelsIsAnsweredWithTheirNames() async throws {
        let records = ["Q4_K_M", "Q8_0"].map { (name: String) in Self.record("user/Repo:\(name)", quantization: name) }
        let manager = Self.manager { ModelCatalog(records: records) }
        let error = ModelError.ambiguous("user/Repo", ids: ["user/Repo:Q4_K_M", "user/Repo:Q8_0"])
        await #expect(throws: error) { try await manager.find("user/Repo") }
        #expect(error.description == "the name user/Repo may mean user/Repo:Q4_K_M, user/Repo:Q8_0; say which")
        await #expect(throws: ModelError.unknown("user")) { try await manager.find("user") }
    }
}
