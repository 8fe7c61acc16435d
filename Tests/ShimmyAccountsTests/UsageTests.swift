import Foundation
import ShimmyAccounts
import Testing

/// The record of usage, in a file of its own.
@Suite struct UsageTests {
    /// A directory that is deleted with the test.
    private final class Place: Sendable {
        let directory = FileManager.default.temporaryDirectory.path + "/usage-\(UUID().uuidString)"

        deinit { try? FileManager.default.removeItem(atPath: directory) }

        var store: UsageStore { UsageStore(directory: directory) }
    }

    private static func sums(_ tokens: Int) -> UsageSums {
        var sums = UsageSums()
        (sums.requests, sums.inputTokens, sums.countedTokens) = (1, tokens, tokens)
        return sums
    }

    private static func origin(_ day: Int, _ key: String, user: String = "", model: String = "m") -> UsageOrigin {
        UsageOrigin(day: day, key: key, user: user, model: model, endpoint: UsageEndpoint.chatCompletions.rawValue)
    }

    @Test func sumsAreThoseOfAllProcesses() async throws {
        let place = Place()
        let (one, other) = (UsageRecorder(store: place.store, days: 9), UsageRecorder(store: place.store, days: 9))
        for (index, recorder) in [one, other, one].enumerated() {
            recorder.record(Self.origin(10, "a", user: "u\(index % 2)"), Self.sums(index + 1))
            recorder.record(Self.origin(11, "b"), Self.sums(10))
            await recorder.flush()
        }
        let lines = try await place.store.lines(UsageQuery(days: 0...20, by: [.key]))
        #expect(lines.map(\.values) == [["a"], ["b"]] && lines.map(\.sums.inputTokens) == [6, 30] && lines.map(\.sums.requests) == [3, 3])
        var query = UsageQuery(days: 10...10, by: [.day, .user])
        query.filters[.user] = ["u0"]
        #expect(try await one.lines(query) == [UsageLine(values: ["10", "u0"], sums: Self.sum(1, 3))])
        #expect(try await place.store.lines(UsageQuery(days: 0...20, by: [])).first?.sums.requests == 6)
    }

    /// The end of a server flushes while its regular write may be in progress.
    @Test func aFlushWaitsForTheWriteInProgress() async throws {
        let place = Place()
        let recorder = UsageRecorder(store: place.store, days: 9)
        for round in 1...50 {
            recorder.record(Self.origin(10, "a"), Self.sums(1))
            let first = Task { await recorder.flush() }
            first.cancel()
            await recorder.flush()
            let lines = try await place.store.lines(UsageQuery(days: 0...20, by: []))
            #expect(lines.first?.sums.requests == round)
            await first.value
        }
    }

    private static func sum(_ tokens: Int...) -> UsageSums {
        var all = UsageSums()
        for tokens in tokens { all += sums(tokens) }
        return all
    }

    @Test func todayIsKnownAfterARestart() async throws {
        let place = Place()
        let recorder = UsageRecorder(store: place.store, days: 9, today: { 10 })
        recorder.record(Self.origin(10, "a", user: "x"), Self.sums(5))
        recorder.record(Self.origin(10, "a", user: "y"), Self.sums(6))
        recorder.record(Self.origin(9, "a"), Self.sums(100))
        await recorder.flush()
        let (day, tokens) = try await UsageRecorder(store: place.store, days: 9, today: { 10 }).load()
        #expect(day == 10 && tokens == ["a": 11])
    }

    @Test(arguments: ["", "this is not a database, but a text"]) func aDamagedFileIsReportedAtTheStart(content: String) async throws {
        let place = Place()
        let recorder = UsageRecorder(store: place.store, days: 9, today: { 10 })
        recorder.record(Self.origin(10, "a", user: "x"), Self.sums(5))
        await recorder.flush()
        for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: place.store.path + suffix) }
        try Data(content.utf8).write(to: URL(fileURLWithPath: place.store.path))
        await #expect(throws: UsageError.self) { _ = try await UsageRecorder(store: place.store, days: 9, today: { 10 }).load() }
    }

    @Test func manyUsersAreCountedTogether() async throws {
        let place = Place()
        let recorder = UsageRecorder(store: place.store, days: 9)
        for index in 0..<1200 { recorder.record(Self.origin(10, "a", user: "user \(index)"), Self.sums(1)) }
        recorder.record(Self.origin(10, "a", user: "user 3\u{1B}[2J" + String(repeating: "x", count: 500)), Self.sums(1))
        recorder.record(Self.origin(10, "b", user: "other key\n"), Self.sums(1))
        let lines = try await recorder.lines(UsageQuery(days: 10...10, by: [.key, .user]))
        #expect(lines.count == 1002 && lines.reduce(0) { $0 + $1.sums.requests } == 1202)
        #expect(lines.first { $0.values == ["a", "(other)"] }?.sums.requests == 201)
        #expect(lines.last?.values == ["b", "other key?"])
    }

    @Test func aBrokenFileKeepsTheSumsInMemory() async throws {
        let place = Place()
        try FileManager.default.createDirectory(atPath: place.directory, withIntermediateDirectories: true)
        try Data("this is not a database, but a text".utf8).write(to: URL(fileURLWithPath: place.store.path))
        let recorder = UsageRecorder(store: place.store, days: 9)
        recorder.record(Self.origin(10, "a"), Self.sums(5))
        await recorder.flush()
        await #expect(throws: UsageError.self) { try await place.store.lines(UsageQuery(days: 0...20, by: [.key])) }
        try FileManager.default.removeItem(atPath: place.store.path)
        recorder.record(Self.origin(10, "a"), Self.sums(6))
        #expect(try await recorder.lines(UsageQuery(days: 0...20, by: [.key])).map(\.sums.inputTokens) == [11])
    }

    @Test func oldDaysAreDeleted() async throws {
        let place = Place()
        let store = place.store
        try await store.add([Self.origin(10, "a"): Self.sums(1), Self.origin(11, "a"): Self.sums(2)])
        try await store.prune(before: 11)
        #expect(try await store.lines(UsageQuery(days: 0...20, by: [.day])).map(\.values) == [["11"]])
        let mode = try FileManager.default.attributesOfItem(atPath: store.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test(arguments: [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_787, "2026-11-30"), (47_540, "2100-02-28")])
    func aDayIsADate(day: Int, text: String) { #expect(UsageDay.text(day) == text) }
}
