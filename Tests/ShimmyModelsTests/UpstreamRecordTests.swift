import Logging
import ShimmyChat
import ShimmyEngine
import ShimmyModels
import ShimmyTestSupport
import Testing

/// Models of upstream servers among those on the disk.
@Suite struct UpstreamRecordTests {
    private static func own(_ id: String) -> ModelRecord {
        ModelRecord(id: id, path: "/\(id)", source: .shimmy, kind: .model, sizeBytes: 1, modified: 0, shards: ["/\(id)"])
    }

    private static func far(_ id: String, short: Bool = false, role: ModelRole = .chat) -> ModelRecord {
        var reference = UpstreamReference(key: id, servers: ["gpu"])
        reference.hasShortID = short
        return ModelRecord(id: id, upstream: reference, role: role, contextLength: 8)
    }

    private static func manager(_ records: [ModelRecord], upstreams: [ModelRecord]) -> ModelManager {
        ModelManager(
            limits: .init(budget: 10, models: 1), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            scan: { ModelCatalog(records: records, upstreams: upstreams) }, estimate: { _, _ in MemoryUse(weights: 10) },
            upstream: { $0.key == "gone" ? nil : FakeBackend().backend }
        ) { _, _, _ in LoadedModel(backend: FakeBackend().backend, memory: MemoryUse(weights: 10)) }
    }

    @Test func aModelOnTheDiskWins() throws {
        let catalog = ModelCatalog(records: [Self.own("m")], upstreams: [Self.far("M"), Self.far("gpu/m", short: true)])
        #expect(catalog.records.map(\.id).sorted() == ["gpu/m", "m"])
        #expect(catalog.resolve("m")?.upstream == nil && catalog.resolve("gpu/m")?.upstream != nil)
    }

    @Test func theShortIDIsPreferred() throws {
        let catalog = ModelCatalog(records: [], upstreams: [Self.far("maker/m"), Self.far("gpu/maker/m", short: true)])
        #expect(catalog.resolve("m")?.id == "maker/m" && catalog.candidates(for: "m").isEmpty)
        #expect(catalog.records.onlyChoice?.id == "maker/m")
    }

    @Test func aliasesAndVariantsWork() throws {
        let catalog = ModelCatalog(
            records: [], upstreams: [Self.far("m")], aliases: ["nick": "m"], variants: [ModelVariant(name: "terse", base: "m", sharesEngine: true)])
        #expect(catalog.resolve("nick")?.id == "m")
        let variant = try #require(catalog.resolve("terse"))
        #expect(variant.upstream?.key == "m" && variant.base == "m" && variant.loaded.upstream?.key == "m")
    }

    @Test func theyTakeNoMemoryAndNoPlace() async throws {
        let models = Self.manager([Self.own("own")], upstreams: [Self.far("far")])
        let own = try await models.acquire("own")
        let far = try await models.acquire("far")
        let again = try await models.acquire("far")
        #expect(models.memory.used == 10 && models.statuses.map(\.id) == ["own"])
        #expect(models.isReady(far.record) && models.loadedBackend(again.record) != nil)
        #expect(try await models.unload("far") == false)
        let use = await models.memory(of: far.record)
        #expect(use == MemoryUse())
        withExtendedLifetime(own) {}
        await models.shutdown()
        await #expect(throws: ModelError.shuttingDown) { try await models.acquire("far") }
    }

    @Test func aModelThatIsGoneIsNotUsable() async throws {
        let models = Self.manager([], upstreams: [Self.far("gone")])
        await #expect(throws: ModelError.unusable("gone", reason: "no upstream server has it any more")) { try await models.acquire("gone") }
    }

    @Test func theirDigestsDiffer() {
        #expect(Self.far("a").digest != Self.far("b").digest && Self.far("a").digest.count == 64)
    }
}
