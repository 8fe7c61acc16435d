import GRDB
import ShimmyJSON
import ShimmyStorage
import Testing

/// The limits of storage in bytes and days.
@Suite struct BoundsTests {
    private let fixture = StoreFixture()
    private let large = String(repeating: "word ", count: 4000)

    /// Waits for housekeeping, which runs after the answer to a write: the next write waits for it.
    private func settle(_ store: Store) async throws {
        for _ in 0..<20 { _ = try await store.delete("nothing", .chat, owner: "me") }
    }

    private func kept(_ store: Store) async throws -> [String] {
        try await store.chats(owner: "me", page: Page(limit: 100, order: .asc)).ids
    }

    @Test func theOldestGoesFirstAndTheDiskGetsItsSpaceBack() async throws {
        let store = fixture.store(StorageLimits(bytes: 400_000))
        for number in 0..<60 { try await store.insert(fixture.chat("k\(number)", text: large), messages: []) }
        try await settle(store)
        let ids = try await kept(store)
        #expect(ids.count > 5 && ids.count < 20)
        #expect(ids == Array((0..<60).map { "k\($0)" }.suffix(ids.count)))
        let inspection = try #require(try StorageInspection(directory: fixture.directory))
        let report = try inspection.report()
        #expect(report.usedBytes <= 400_000)
    }

    @Test func spaceIsGivenBack() async throws {
        let store = fixture.store(StorageLimits(bytes: 20_000_000))
        for number in 0..<300 { try await store.insert(fixture.chat("k\(number)", text: large), messages: []) }
        let full = try #require(try StorageInspection(directory: fixture.directory)).pages()
        for number in 0..<300 { _ = try await store.delete("k\(number)", .chat, owner: "me") }
        try await settle(store)
        let empty = try #require(try StorageInspection(directory: fixture.directory)).pages()
        #expect(full > 1400 && empty < 600)
    }

    @Test func whatSomethingLivingContinuesStays() async throws {
        let store = fixture.store(StorageLimits(bytes: 400_000))
        try await store.insert(fixture.response("old", text: large), input: [])
        for number in 0..<60 {
            let continues = number == 0 ? "old" : number == 59 ? "r0" : nil
            try await store.insert(fixture.response("r\(number)", continues: continues, text: large), input: [])
            // The recent response that keeps both of them alive is not deleted.
            if number == 1 { try await store.insert(fixture.response("holder", .inProgress, continues: "r0"), input: []) }
        }
        try await settle(store)
        let chain = try await store.chain(endingAt: "r59", owner: "me")
        #expect(chain?.turns.map(\.response.id) == ["old", "r0", "r59"])
        let gone = try await store.response("r1", owner: "me")
        #expect(gone == nil)
    }

    @Test func theOwnerThatUsesMostLosesTheOldest() async throws {
        let store = fixture.store(StorageLimits(bytes: 400_000))
        for number in 0..<3 { try await store.insert(fixture.chat("mine\(number)", text: large), messages: []) }
        for number in 0..<60 { try await store.insert(fixture.chat("theirs\(number)", owner: "them", text: large), messages: []) }
        try await settle(store)
        #expect(try await kept(store) == ["mine0", "mine1", "mine2"])
        let theirs = try await store.chats(owner: "them", page: Page(limit: 100, order: .asc)).ids
        #expect(theirs.count > 5 && theirs.last == "theirs59" && theirs.first != "theirs0")
    }

    /// A chain cannot be pruned except from its newest response, and a running response not at all.
    @Test(arguments: [StoredResponse.Status.completed, .inProgress])
    func whatCannotBeDeletedDisplacesNobodyElse(status: StoredResponse.Status) async throws {
        let limit = 400_000
        let store = fixture.store(StorageLimits(bytes: limit))
        try await store.insert(fixture.chat("mine"), messages: [])
        var last: String?
        await #expect(throws: StorageError.full) {
            for number in 0..<60 {
                let previous = status == .completed ? last : nil
                try await store.insert(fixture.response("r\(number)", owner: "them", status, continues: previous, text: large), input: [])
                last = "r\(number)"
                try await settle(store)
            }
        }
        #expect(try await kept(store) == ["mine"])
        let end = try #require(last)
        #expect(try await store.response(end, owner: "them") != nil, "the newest response stays")
        if status == .completed { #expect(try await store.chain(endingAt: end, owner: "them")?.turns.count ?? 0 > 10) }
        #expect(try await store.usedBytes() < limit + limit / 4)
        let usage = try await store.usedBytesByOwner(most: 2)
        #expect(Set(usage.keys) == ["me", "them"] && usage["them", default: 0] > usage["me", default: 0])
        #expect(try await store.usedBytesByOwner(most: 1) == usage.filter { $0.key == "them" })
        await #expect(throws: StorageError.full) { try await store.ready(for: "them") }
        try await store.ready(for: "me")
        // Others still have room, and the owner has it again when it deletes something.
        try await store.insert(fixture.chat("more"), messages: [])
        #expect(try await kept(store) == ["mine", "more"])
        for number in stride(from: 59, through: 5, by: -1) { _ = try await store.delete("r\(number)", .response, owner: "them") }
        try await store.ready(for: "them")
        try await store.insert(fixture.response("again", owner: "them", text: large), input: [])
    }

    @Test func whatExpiresMakesRoomWithoutAnotherWrite() async throws {
        let store = fixture.store(StorageLimits(bytes: 400_000, days: 30))
        await #expect(throws: StorageError.full) {
            for number in 0..<60 {
                let previous = number > 0 ? "r\(number - 1)" : nil
                try await store.insert(fixture.response("r\(number)", continues: previous, text: large), input: [])
            }
        }
        await #expect(throws: StorageError.full) { try await store.ready(for: "me") }
        fixture.pass(days: 31)
        // Each try prunes a few.
        for _ in 0..<60 where (try? await store.ready(for: "me")) == nil {}
        try await store.ready(for: "me")
    }

    @Test(arguments: [
        (["a": 100, "b": 50, "c": 10], 30, ["a": 30]), (["a": 100, "b": 90, "c": 10], 30, ["a": 20, "b": 10]),
        (["a": 10, "b": 10], 20, ["a": 10, "b": 10]),
        (["a": 10], 100, ["a": 10]), ([:], 5, [:]), (["a": 10], 0, [:]),
    ])
    func reductionsLevelTheLargest(usage: [String: Int], bytes: Int, reductions: [String: Int]) {
        #expect(DeletionShares.reductions(of: usage, by: bytes) == reductions)
    }

    @Test func onlyABoundedHistoryIsRead() async throws {
        let store = fixture.store()
        try await store.insert(fixture.response("r1", text: large), input: [])
        try await store.insert(fixture.response("r2", continues: "r1", text: large), input: [])
        let whole = try await store.chain(endingAt: "r2", owner: "me", mostBytes: 100_000)
        #expect(whole?.turns.count == 2)
        await #expect(throws: StorageError.self) { try await store.chain(endingAt: "r2", owner: "me", mostBytes: 30_000) }
        try await store.insert(StoredConversation(id: "c1", owner: "me", created: fixture.now, metadata: [:]), items: fixture.items(0..<9))
        await #expect(throws: StorageError.self) { try await store.allItems(ofConversation: "c1", owner: "me", mostBytes: 10) }
    }

    @Test func whatIsNotFinishedStays() async throws {
        let store = fixture.store(StorageLimits(bytes: 400_000))
        try await store.insert(fixture.response("waiting", .queued, isBackground: true, request: [:]), input: [])
        for number in 0..<60 { try await store.insert(fixture.chat("k\(number)", text: large), messages: []) }
        try await settle(store)
        let waiting = try await store.response("waiting", owner: "me")
        #expect(waiting != nil)
    }

    @Test func whatIsOldGoesUnlessItIsTouched() async throws {
        let store = fixture.store(StorageLimits(days: 30))
        try await store.insert(fixture.chat("k1"), messages: [])
        try await store.insert(fixture.response("r1"), input: [])
        try await store.insert(StoredConversation(id: "c1", owner: "me", created: fixture.now, metadata: [:]), items: [])
        fixture.pass(days: 20)
        try await store.insert(fixture.response("r2", continues: "r1"), input: [])
        _ = try await store.add(fixture.items(0..<1), toConversation: "c1", owner: "me")
        fixture.pass(days: 11)
        try await settle(store)
        let (chats, chain) = (try await kept(store), try await store.chain(endingAt: "r2", owner: "me"))
        #expect(chats.isEmpty && chain?.turns.count == 2)
        let touched = try await store.conversation("c1", owner: "me")
        #expect(touched != nil)
        fixture.pass(days: 31)
        try await settle(store)
        let report = try #require(try StorageInspection(directory: fixture.directory)).report()
        #expect(report.responses + report.conversations + report.chats == 0)
    }

    @Test func whatIsLargerThanEverythingMayBeIsRefused() async throws {
        let store = fixture.store(StorageLimits(bytes: 10_000))
        await #expect(throws: StorageError.full) { try await store.insert(fixture.chat("k1", text: large), messages: []) }
    }

    @Test func whatMustNotGoFillsItUpAndNothingIsLost() async throws {
        let store = fixture.store(StorageLimits(bytes: 400_000))
        try await store.insert(fixture.chat("small"), messages: [])
        var number = 0
        do {
            while number < 100 {
                try await store.insert(fixture.response("r\(number)", .inProgress, text: large), input: [])
                number += 1
            }
            Issue.record("it was never full")
        } catch let error as StorageError {
            #expect(error == .full)
        }
        #expect(number > 10)
        // Of concurrent inserts, those that fit are kept.
        let again = Task { [fixture, large] in try await store.insert(fixture.response("more", .inProgress, text: large), input: []) }
        let update = Task { try await store.update("r0", ResponseChange(status: .completed, object: ["text": "short"])) }
        await #expect(throws: StorageError.full) { try await again.value }
        let updated = try await update.value
        #expect(updated)
        for finished in 1..<number { try await store.update("r\(finished)", ResponseChange(status: .completed)) }
        try await settle(store)
        try await store.insert(fixture.response("more", .inProgress, text: large), input: [])
        let last = try await store.response("r\(number - 1)", owner: "me")
        #expect(last?.object["text"]?.stringValue == large)
    }
}

extension StorageInspection {
    /// Returns the number of pages of the database file.
    func pages() throws -> Int { try DatabaseQueue(path: path).read { try Int.fetchOne($0, sql: "PRAGMA page_count") ?? 0 } }
}
