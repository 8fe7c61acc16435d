import Foundation
import Logging
import ShimmyModels
import Synchronization
import Testing

/// The times of disk scans, and the errors for names that do not resolve to a single model.
@Suite struct CatalogCacheTests {
    /// Scans that end when the test lets them. Each finds a model with the scan's number in its name.
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

    /// A running scan does not answer for a later change, because it may already have passed the changed folder.
    @Test func aLookThatRunsDoesNotAnswerForALaterChange() async throws {
        let looks = Looks()
        let manager = Self.manager { looks.look() }
        let first = Task { await manager.list().map(\.id) }
        while looks.begun.withLock({ $0 }) == 0 { await Task.yield() }
        let rescans = (0..<3).map { _ in Task { await manager.rescan() } }
        for _ in 0..<10 { await Task.yield() }
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
        #expect(error.description == "the name user/Repo matches several models: user/Repo:Q4_K_M, user/Repo:Q8_0; use a full name")
        await #expect(throws: ModelError.unknown("user")) { try await manager.find("user") }
    }
}
