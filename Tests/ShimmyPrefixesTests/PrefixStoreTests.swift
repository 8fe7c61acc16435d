import Foundation
import Logging
import ShimmyCore
import ShimmyEngine
import ShimmyPrefixes
import ShimmyTestSupport
import Testing

/// Prefixes that outlive the process: successive engines that share a directory.
@Suite(.timeLimit(.minutes(1))) final class PrefixStoreTests {
    private let directory = FileManager.default.temporaryDirectory.appending(path: "prefixes-\(UUID().uuidString)")
    private static let limits = RunnerLimits(cells: 2048, contextLength: 1024, slots: 4, batchTokens: 64, canRewind: true)
    private static let prompt = (0..<200).map { Token($0 % 200 + 1) }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private func folder(limit: Int = 1 << 20, memory: Int = 1 << 20) -> PrefixFolder {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return PrefixFolder(path: directory.path(percentEncoded: false), limit: limit, memory: memory, logger: logger)
    }

    /// Starts an engine, sends one request and stops it. Returns the tokens, and how many prompt tokens were cached and restored.
    private func life(
        _ prompt: [Token] = prompt, identity: String = "a model", limit: Int = 1 << 20, canRewind: Bool = true, adapters: [String] = [],
        with set: AdapterSet = .none, isDeterministic: Bool = false
    ) async throws -> (tokens: [Token], cached: Int, restored: Int) {
        var limits = Self.limits
        limits.canRewind = canRewind
        let store = try PrefixStore(folder: folder(limit: limit), identity: identity, adapters: adapters)
        let options = EngineHandle.Options(isDeterministic: isDeterministic, store: store)
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
        // All computed tokens: the prompt and two of three generated tokens.
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
        // The adapter's content is part of the key, not its index in the list.
        #expect(try await life(adapters: ["b", "a"], with: AdapterSet([.init(index: 1, scale: 0.5)])).restored == 199)
        #expect(try await life(adapters: ["a"], with: half).restored == 199)
    }

    @Test(arguments: [0, 8, 16, 30, 39, 50, 700, 1500, 1700]) func aDamagedFileIsThrownAwayAndComputedAgain(byte: Int) async throws {
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
        // Each file has 1,866 bytes: a header of 48 bytes, and 9 bytes for each of 202 tokens.
        _ = try await life([1] + Self.prompt.dropFirst(), limit: 4500)
        _ = try await life([2] + Self.prompt.dropFirst(), limit: 4500)
        _ = try await life([3] + Self.prompt.dropFirst(), limit: 4500)
        #expect(files.count == 2)
        #expect(try await life([3] + Self.prompt.dropFirst(), limit: 4500).restored == 199)
    }

    @Test func aLongerPrefixReplacesTheOneThatItBeginsWith() async throws {
        _ = try await life()
        _ = try await life(Self.prompt + [1, 2, 3, 9, 9, 9])
        #expect(files.count == 1)
    }

    @Test func deterministicWorkKeepsNothing() async throws {
        let first = try await life(isDeterministic: true)
        #expect(files.isEmpty)
        _ = try await life()
        let second = try await life(isDeterministic: true)
        #expect(second.tokens == first.tokens && second.cached == 0 && second.restored == 0)
    }

    // MARK: The directory

    @Test func theBoundHoldsForAllModelsTogether() async throws {
        for model in ["one", "two", "three"] { _ = try await life(identity: model, limit: 4500) }
        #expect(files.count == 2)
        #expect(try await life(identity: "one", limit: 4500).restored == 0)
        #expect(files.count == 2)
        #expect(try await life(identity: "three", limit: 4500).restored == 199)
    }

    @Test func modelsOfOneProcessKnowWhatTheOthersNeededTheRoomOf() throws {
        let folder = folder(limit: 4500)
        let one = try PrefixStore(folder: folder, identity: "one")
        let two = try PrefixStore(folder: folder, identity: "two")
        one.write(Self.stored(1), with: .none, partially: true)
        one.flush()
        #expect(one.contains(Self.stored(1).units, with: .none))
        #expect(!two.contains(Self.stored(1).units, with: .none))
        for first in [2, 3] as [Token] { two.write(Self.stored(first), with: .none, partially: true) }
        two.flush()
        #expect(files.count == 2)
        #expect(!one.contains(Self.stored(1).units, with: .none))
        #expect(one.find(Self.longer(Self.stored(1)), with: .none, partially: true) == nil)
        #expect(two.find(Self.longer(Self.stored(3)), with: .none, partially: true)?.count == 200)
    }

    @Test func whatWasNotWrittenToItsEndIsRemovedAndNothingElse() async throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let kept = ["notes.txt", "mine.prefix", "00ff-12.prefix.77.part"]
        let leftovers = ["00ff-11.prefix.9a.part", ".dat.nosync1F.x8Yz"]
        let longAgo = Date(timeIntervalSinceNow: -7200)
        for name in kept + leftovers {
            let file = directory.appending(path: name)
            try Data([1]).write(to: file)
            // The last kept file may still be in the process of being written.
            guard name != kept.last else { continue }
            try FileManager.default.setAttributes([.modificationDate: longAgo], ofItemAtPath: file.path(percentEncoded: false))
        }
        _ = try await life(limit: 4500)
        let names = Set(files.map(\.lastPathComponent))
        #expect(names.isSuperset(of: kept) && names.isDisjoint(with: leftovers) && names.count == kept.count + 1)
    }

    // MARK: Memory

    /// Returns a prefix whose file has 1,850 bytes.
    private static func stored(_ first: Token) -> StoredPrefix {
        let tokens: [Token] = [first] + prompt.dropFirst()
        return StoredPrefix(units: Prompt(tokens).units, state: Array(repeating: UInt8(first), count: 202))
    }

    /// Returns a prompt that begins with a prefix of text and has one more token.
    private static func longer(_ prefix: StoredPrefix) -> Prompt { Prompt(prefix.units.compactMap(\.token) + [0]) }

    private static func read(_ prefix: StoredPrefix, from store: PrefixStore) async -> PrefixLease? {
        guard let found = store.find(longer(prefix), with: .none, partially: true) else { return nil }
        return await withCheckedContinuation { continuation in found.read { continuation.resume(returning: $0) } }
    }

    @Test func whatManyWantIsHeldOnceAndOthersGoWithout() async throws {
        let folder = folder(memory: 2500)
        let store = try PrefixStore(folder: folder, identity: "a model")
        for first in [1, 2] as [Token] { store.write(Self.stored(first), with: .none, partially: true) }
        store.flush()
        // Both files, each of the same size.
        #expect(folder.storedBytes == 2 * 1850)
        let (wanted, other) = (Self.stored(1), Self.stored(2))
        var leases = await withTaskGroup(of: PrefixLease?.self) { group in
            for _ in 0..<8 { group.addTask { await PrefixStoreTests.read(wanted, from: store) } }
            var leases: [PrefixLease?] = []
            for await lease in group { leases.append(lease) }
            return leases
        }
        #expect(leases.count == 8 && leases.allSatisfy { $0?.prefix == wanted })
        #expect(folder.heldBytes == 1850)
        let refused = await Self.read(other, from: store)
        #expect(refused == nil)
        leases = []
        // The reader releases its reference shortly after. The suite's time limit bounds the wait.
        while folder.heldBytes > 0 { await Task.yield() }
        let second = await Self.read(other, from: store)
        #expect(second?.prefix == other)
    }

    @Test func nothingIsHeldForSequencesThatRun() async throws {
        _ = try await life()
        let folder = folder()
        let store = try PrefixStore(folder: folder, identity: "a model")
        // These sequences outlast the test.
        let limits = RunnerLimits(cells: 1 << 21, contextLength: 1 << 20, slots: 4, batchTokens: 64, canRewind: true)
        let engine = try await EngineHandle.start(name: "test", options: EngineHandle.Options(store: store)) {
            ScriptedRunner(limits: limits) { _ in 5 }
        }
        let request = SequenceRequest(prompt: Self.prompt + [9], maximumTokens: 1_000_000, sampling: SamplingParameters())
        let streams = try engine.submit(Array(repeating: request, count: 4))
        for stream in streams {
            while try await stream.next()?.tokens.isEmpty == true {}
        }
        while folder.heldBytes > 0 { await Task.yield() }
        #expect(engine.statistics.restoredTokens == 200)
        for stream in streams { stream.cancel() }
        await engine.shutdown()
    }

    @Test func aDiskThatIsBehindDelaysSavingAndLosesNothing() async throws {
        let store = try PrefixStore(folder: folder(memory: 1), identity: "a model")
        let limits = Self.limits
        let engine = try await EngineHandle.start(name: "test", options: EngineHandle.Options(store: store)) {
            ScriptedRunner(limits: limits) { $0.last! % 200 + 1 }
        }
        for first in [1, 2, 3] as [Token] {
            let prompt: [Token] = [first] + Self.prompt.dropFirst()
            let stream = try engine.submit(SequenceRequest(prompt: prompt, maximumTokens: 3, sampling: SamplingParameters()))
            while try await stream.next() != nil {}
        }
        await engine.shutdown()
        #expect(files.count == 3)
    }

    // MARK: Media

    @Test func aMediaSegmentIsReusedAsAWhole() throws {
        let store = try PrefixStore(folder: folder(), identity: "a model")
        let image = MediaSegment(contentHash: .init(high: 1, low: 2), cells: 40, positions: 8)
        let other = MediaSegment(contentHash: .init(high: 1, low: 3), cells: 40, positions: 8)
        let text = Array(1...30 as ClosedRange<Token>)
        let prompt = Prompt([.tokens(text), .media(image), .tokens(text)])
        store.write(StoredPrefix(units: prompt.units, state: [1, 2, 3]), with: .none, partially: true)
        store.flush()
        func match(_ segments: [Prompt.Segment], in store: PrefixStore) -> Int? {
            store.find(Prompt(segments), with: .none, partially: true)?.count
        }
        #expect(match([.tokens(text), .media(image), .tokens([1, 2, 9])], in: store) == 72)
        // The last unit is always computed, and all of an image with it.
        #expect(match([.tokens(text), .media(image)], in: store) == 30)
        #expect(match([.tokens(text), .media(other), .tokens([1, 2, 9])], in: store) == 30)
        // Another process reads the same units from the file.
        let second = try PrefixStore(folder: folder(), identity: "a model")
        #expect(match([.tokens(text), .media(image), .tokens([9])], in: second) == 70)
        #expect(files.count == 1)
    }

    // MARK: Fingerprints

    @Test func filesThatDifferInTheirMiddleAreToldApart() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let file = directory.appending(path: "model").path(percentEncoded: false)
        func fingerprint(_ bytes: Data) throws -> String {
            try bytes.write(to: URL(filePath: file))
            return FileFingerprint.of(path: file)
        }
        var bytes = Data(count: 8 << 20)
        let plain = try fingerprint(bytes)
        #expect(try fingerprint(bytes) == plain)
        #expect(try fingerprint(bytes.dropLast()) != plain)
        let middle = 3_000_000..<3_300_000
        bytes.replaceSubrange(middle, with: Data(repeating: 1, count: middle.count))
        #expect(try fingerprint(bytes) != plain)
    }
}
