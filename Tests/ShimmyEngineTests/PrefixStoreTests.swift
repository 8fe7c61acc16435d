import Foundation
import Logging
import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Prefixes that outlive the process: an engine that ends and another that begins, over one directory.
@Suite(.timeLimit(.minutes(1))) final class PrefixStoreTests {
    private let directory = FileManager.default.temporaryDirectory.appending(path: "prefixes-\(UUID().uuidString)")
    private static let limits = RunnerLimits(cells: 2048, contextLength: 1024, slots: 4, batchTokens: 64, canRewind: true)
    private static let prompt = (0..<200).map { Token($0 % 200 + 1) }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private func store(identity: String = "a model", limit: Int = 1 << 20, adapters: [String] = []) throws -> PrefixStore {
        try PrefixStore(
            directory: directory.path(), identity: identity, adapters: adapters, limit: limit,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Starts an engine, asks it, stops it; returns the tokens, and how many of the prompt's were cached and restored.
    private func life(
        _ prompt: [Token] = prompt, identity: String = "a model", limit: Int = 1 << 20, canRewind: Bool = true, adapters: [String] = [],
        with set: AdapterSet = .none
    ) async throws -> (tokens: [Token], cached: Int, restored: Int) {
        var limits = Self.limits
        limits.canRewind = canRewind
        let options = EngineHandle.Options(store: try store(identity: identity, limit: limit, adapters: adapters))
        let engine = try await EngineHandle.start(name: "test", options: options) { [limits] in
            ScriptedRunner(limits: limits) { $0.last! % 200 + 1 }
        }
        var request = SequenceRequest(prompt: prompt, maximumTokens: 3, sampling: SamplingParameters())
        request.adapters = set
        let stream = try engine.submit(request)
        var tokens: [Token] = []
        var cached = 0
        while let delivery = try await stream.next() {
            tokens += delivery.tokens
            cached = delivery.start?.cachedTokens ?? cached
        }
        let restored = engine.statistics.restoredTokens
        await engine.shutdown()
        return (tokens, cached, restored)
    }

    private var files: [URL] { (try? FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)) ?? [] }

    @Test func aRestartSkipsThePrefill() async throws {
        let first = try await life()
        #expect(first.cached == 0 && first.restored == 0 && files.count == 1)
        let second = try await life()
        #expect(second.tokens == first.tokens)
        #expect(second.cached == 199 && second.restored == 199)
    }

    @Test func aPartOfAPrefixIsEnough() async throws {
        _ = try await life()
        let other = try await life(Self.prompt.prefix(120) + [7, 7, 7])
        #expect(other.cached == 120 && other.tokens == [8, 9, 10])
        let short = try await life(Array(Self.prompt.prefix(40)))
        #expect(short.restored == 0)
    }

    @Test func aModelThatCannotRewindTakesOnlyAWhole() async throws {
        _ = try await life(canRewind: false)
        #expect(try await life(Self.prompt.prefix(120) + [7], canRewind: false).restored == 0)
        // All that was computed: the prompt and two of three generated tokens.
        #expect(try await life(Self.prompt + [1, 2, 50], canRewind: false).restored == 202)
    }

    @Test func anotherModelsPrefixesAreNotTouched() async throws {
        _ = try await life()
        #expect(try await life(identity: "another").restored == 0)
        #expect(try await life().restored == 199)
    }

    @Test func prefixesOfOtherAdaptersAreNotTouched() async throws {
        let half = AdapterSet([.init(index: 0, scale: 0.5)])
        _ = try await life(adapters: ["a"], with: half)
        #expect(try await life(adapters: ["a"]).restored == 0)
        #expect(try await life(adapters: ["a"], with: AdapterSet([.init(index: 0, scale: 1)])).restored == 0)
        #expect(try await life(adapters: ["b"], with: half).restored == 0)
        // The adapter counts by its content, wherever it stands in the list.
        #expect(try await life(adapters: ["b", "a"], with: AdapterSet([.init(index: 1, scale: 0.5)])).restored == 199)
        #expect(try await life(adapters: ["a"], with: half).restored == 199)
    }

    @Test(arguments: [0, 8, 16, 30, 39, 50, 700, 850]) func aDamagedFileIsThrownAwayAndComputedAgain(byte: Int) async throws {
        let first = try await life()
        let file = try #require(files.first)
        var bytes = try Data(contentsOf: file)
        bytes[byte] ^= 0x40
        try bytes.write(to: file)
        let second = try await life()
        #expect(second.tokens == first.tokens && second.restored == 0)
        #expect(try await life().restored == 199)
    }

    @Test(arguments: [0, 10, 40, 500, 1000]) func aFileThatWasCutIsThrownAway(length: Int) async throws {
        let first = try await life()
        let file = try #require(files.first)
        try Data(contentsOf: file).prefix(length).write(to: file)
        let second = try await life()
        #expect(second.tokens == first.tokens && second.restored == 0)
    }

    @Test func theLeastRecentlyUsedGoWhenThereIsNoRoom() async throws {
        // Each file takes 1,058 bytes: 48 of header, 5 for each of 202 tokens.
        _ = try await life([1] + Self.prompt.dropFirst(), limit: 2500)
        _ = try await life([2] + Self.prompt.dropFirst(), limit: 2500)
        _ = try await life([3] + Self.prompt.dropFirst(), limit: 2500)
        #expect(files.count == 2)
        #expect(try await life([3] + Self.prompt.dropFirst(), limit: 2500).restored == 199)
    }

    @Test func aLongerPrefixReplacesTheOneThatItBeginsWith() async throws {
        _ = try await life()
        _ = try await life(Self.prompt + [1, 2, 3, 9, 9, 9])
        #expect(files.count == 1)
    }
}
