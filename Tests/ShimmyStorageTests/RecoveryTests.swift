import GRDB
import ShimmyJSON
import ShimmyStorage
import Testing

/// Recovery after the end of another process.
@Suite struct RecoveryTests {
    private let fixture = StoreFixture()

    /// Leaves the storage in the state of a process that was killed.
    private func leave(_ responses: [StoredResponse], events: [StoredEvent] = []) async throws {
        let store = fixture.store()
        for response in responses { try await store.insert(response, input: fixture.items(0..<1), events: events) }
        await store.close()
    }

    @Test func whatWasBeingMadeHasFailedAndWhatWaitedIsHandedOver() async throws {
        try await leave(
            [
                fixture.response("running", .inProgress, isBackground: true), fixture.response("done"),
                fixture.response("waiting", .queued, isBackground: true, request: ["input": "hi"]),
            ], events: [StoredEvent(number: 0, json: [:]), StoredEvent(number: 1, json: [:])])
        let store = fixture.store()
        let queued = try await store.takeQueued()
        #expect(queued.map(\.id) == ["waiting"])
        #expect(queued.first?.request == ["input": "hi"])
        let again = try await store.takeQueued()
        #expect(again.isEmpty)
        let running = try #require(try await store.response("running", owner: "me"))
        #expect(running.status == .failed)
        #expect(running.object["status"] == "failed")
        #expect(running.object["error"]?["code"] == "server_error")
        #expect(running.object["error"]?["message"]?.stringValue?.contains("restart") == true)
        let events = try await store.events(of: "running", owner: "me", after: 1)
        #expect(events?.map(\.number) == [2])
        #expect(events?.first?.json["type"] == "response.failed")
        #expect(events?.first?.json["response"] == running.object)
        let done = try await store.response("done", owner: "me")
        #expect(done?.status == .completed)
    }

    @Test func aProcessThatJoinsAnotherLeavesItsWorkAlone() async throws {
        let first = fixture.store()
        try await first.insert(fixture.response("running", .inProgress), input: [])
        try await first.insert(fixture.response("waiting", .queued, isBackground: true, request: [:]), input: [])
        let second = fixture.store()
        let queued = try await second.takeQueued()
        #expect(queued.isEmpty)
        let running = try await second.response("running", owner: "me")
        #expect(running?.status == .inProgress)
    }

    @Test func manyWritersAtOnceAllGetTheirs() async throws {
        let (store, other) = (fixture.store(patience: 30), fixture.store(patience: 30))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask { [fixture] in
                    let store = number % 4 == 0 ? other : store
                    try await store.insert(fixture.chat("k\(number)"), messages: fixture.items(0..<3))
                    let found = try await store.chat("k\(number)", owner: "me")
                    #expect(found != nil)
                }
            }
            try await group.waitForAll()
        }
        let inspection = try #require(try StorageInspection(directory: fixture.directory))
        let (report, problems) = (try inspection.report(), try inspection.problems())
        #expect(report.chats == 200 && report.items == 600)
        #expect(problems.isEmpty)
    }

    @Test func oneThatFailsTakesNobodyWithIt() async throws {
        let store = fixture.store()
        let errors = await withTaskGroup(of: StorageError?.self) { group in
            for number in 0..<100 {
                group.addTask { [fixture] in
                    do {
                        try await store.insert(fixture.chat("k\(number / 2)"), messages: [])
                        return nil
                    } catch {
                        return error as? StorageError
                    }
                }
            }
            return await group.reduce(into: [StorageError?]()) { $0.append($1) }.compactMap(\.self)
        }
        #expect(errors.count == 50)
        #expect(Set(errors.map(\.description)).count == 50)
        let report = try #require(try StorageInspection(directory: fixture.directory)).report()
        #expect(report.chats == 50)
    }
}
