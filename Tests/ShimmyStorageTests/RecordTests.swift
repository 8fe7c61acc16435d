import ShimmyJSON
import ShimmyStorage
import Testing

/// Stored records are visible to their owner and to no other.
@Suite struct RecordTests {
    private let fixture = StoreFixture()

    @Test func aResponseComesBackAsItWas() async throws {
        let store = fixture.store()
        let response = fixture.response("r1", .queued, continues: nil, in: "c", isBackground: true, request: ["model": "m", "number": 1.50])
        try await store.insert(response, input: fixture.items(0..<2), events: [StoredEvent(number: 0, json: ["type": "response.queued"])])
        let found = try await fixture.store().response("r1", owner: "me")
        #expect(found == response)
        #expect(found?.object.text == response.object.text)
        let input = try await store.input(of: "r1", owner: "me")
        #expect(input == fixture.items(0..<2))
        let events = try await store.events(of: "r1", owner: "me", after: -1)
        #expect(events?.map(\.number) == [0])
    }

    @Test func anIdIsTakenOnlyOnce() async throws {
        let store = fixture.store()
        try await store.insert(fixture.response("r1"), input: [])
        await #expect(throws: StorageError.duplicate("r1")) { try await store.insert(fixture.response("r1", owner: "other"), input: []) }
    }

    @Test func aFinishedResponseDoesNotChange() async throws {
        let store = fixture.store()
        try await store.insert(fixture.response("r1", .inProgress, request: [:]), input: [])
        let cancelled = try await store.update("r1", ResponseChange(status: .cancelled, object: ["status": "cancelled"]))
        let completed = try await store.update("r1", ResponseChange(status: .completed, object: ["status": "completed"]))
        #expect(cancelled && !completed)
        let found = try await store.response("r1", owner: "me")
        #expect(found?.status == .cancelled)
        #expect(found?.object == ["status": "cancelled"])
        #expect(found?.request == nil)
        let gone = try await store.update("r2", ResponseChange(status: .completed))
        #expect(!gone)
    }

    @Test func aStreamIsReadFromAnyEvent() async throws {
        let store = fixture.store()
        try await store.insert(fixture.response("r1", .inProgress), input: [])
        for batch in [0..<3, 3..<7] {
            let events = batch.map { StoredEvent(number: $0, json: ["sequence_number": .int($0)]) }
            try await store.update("r1", ResponseChange(events: events))
        }
        for after in -1..<7 {
            let events = try await store.events(of: "r1", owner: "me", after: after)
            #expect(events?.map(\.number) == Array((after + 1)..<7))
        }
        let limited = try await store.events(of: "r1", owner: "me", after: 1, limit: 2)
        #expect(limited?.map(\.number) == [2, 3])
    }

    @Test func aChainIsWholeAndInOrder() async throws {
        let store = fixture.store()
        try await store.insert(fixture.response("r1"), input: fixture.items(0..<1))
        try await store.insert(fixture.response("r2", continues: "r1"), input: fixture.items(1..<3))
        try await store.insert(fixture.response("r3", continues: "r2"), input: [])
        try await store.insert(fixture.response("side", continues: "r1"), input: [])
        let chain = try await store.chain(endingAt: "r3", owner: "me")
        #expect(chain?.turns.map(\.response.id) == ["r1", "r2", "r3"])
        #expect(chain?.turns.map(\.input.count) == [1, 2, 0])
        #expect(chain?.missing == nil)
        let deleted = try await store.delete("r1", .response, owner: "me")
        #expect(deleted)
        let cut = try await store.chain(endingAt: "r3", owner: "me")
        #expect(cut?.turns.map(\.response.id) == ["r2", "r3"])
        #expect(cut?.missing == "r1")
        let none = try await store.chain(endingAt: "r9", owner: "me")
        #expect(none == nil)
    }

    @Test func aResponsesItemsGoToItsConversationWithItsEnd() async throws {
        let store = fixture.store()
        try await store.insert(StoredConversation(id: "c1", owner: "me", created: 1, metadata: [:]), items: fixture.items(0..<2))
        try await store.insert(fixture.response("r1", .inProgress, in: "c1"), input: [])
        try await store.update("r1", ResponseChange(status: .completed, conversationItems: fixture.items(1..<4)))
        let items = try await store.allItems(ofConversation: "c1", owner: "me")
        #expect(items == fixture.items(0..<4))
        // The change comes too late and is not stored.
        try await store.update("r1", ResponseChange(status: .completed, conversationItems: fixture.items(4..<5)))
        let same = try await store.allItems(ofConversation: "c1", owner: "me")
        #expect(same?.count == 4)
    }

    @Test func conversationsGrowAndShrink() async throws {
        let store = fixture.store()
        let conversation = StoredConversation(id: "c1", owner: "me", created: 5, metadata: ["topic": "demo"])
        try await store.insert(conversation, items: fixture.items(0..<1))
        let found = try await store.conversation("c1", owner: "me")
        #expect(found == conversation)
        let added = try await store.add(fixture.items(1..<3), toConversation: "c1", owner: "me")
        #expect(added)
        await #expect(throws: StorageError.duplicate("item2")) {
            _ = try await store.add(fixture.items(3..<4) + fixture.items(2..<3), toConversation: "c1", owner: "me")
        }
        // All or nothing.
        for known in [[], ["item0", "item1"], ["item0", "item2", "item1"]] {
            let changed = try await store.add(fixture.items(3..<4), toConversation: "c1", owner: "me", after: known)
            #expect(changed == .changed)
        }
        let missing = try await store.add(fixture.items(3..<4), toConversation: "none", owner: "me", after: [])
        #expect(missing == .missing)
        let unchanged = try await store.add([], toConversation: "c1", owner: "me", after: ["item0", "item1", "item2"])
        #expect(unchanged == .added)
        let items = try await store.allItems(ofConversation: "c1", owner: "me")
        #expect(items == fixture.items(0..<3))
        let deleted = try await store.deleteItem("item1", ofConversation: "c1", owner: "me")
        let again = try await store.deleteItem("item1", ofConversation: "c1", owner: "me")
        #expect(deleted && !again)
        let (one, none) = (
            try await store.item("item2", of: "c1", .conversation, owner: "me"), try await store.item("item1", of: "c1", .conversation, owner: "me")
        )
        #expect(one == StoredItem(id: "item2", json: ["number": 2]) && none == nil)
        let anywhere = try await store.item("item2", owner: "me")
        #expect(anywhere == one)
        let changed = try await store.setMetadata(["topic": "other"], of: "c1", .conversation, owner: "me")
        let renamed = try await store.conversation("c1", owner: "me")
        #expect(changed && renamed?.metadata == ["topic": "other"])
        let gone = try await store.delete("c1", .conversation, owner: "me")
        let nothing = try await store.allItems(ofConversation: "c1", owner: "me")
        #expect(gone && nothing == nil)
    }

    @Test func nobodyFindsWhatIsAnothersAndNoKindIsTakenForAnother() async throws {
        let store = fixture.store()
        try await store.insert(fixture.response("r1"), input: fixture.items(0..<1))
        try await store.insert(StoredConversation(id: "c1", owner: "me", created: 1, metadata: [:]), items: fixture.items(0..<1))
        try await store.insert(fixture.chat("k1"), messages: fixture.items(0..<1))
        let page = Page()
        let found: [Bool] = [
            try await store.response("r1", owner: "you") != nil,
            try await store.input(of: "r1", owner: "you") != nil,
            try await store.events(of: "r1", owner: "you", after: -1) != nil,
            try await store.chain(endingAt: "r1", owner: "you") != nil,
            try await store.conversation("c1", owner: "you") != nil,
            try await store.allItems(ofConversation: "c1", owner: "you") != nil,
            try await store.item("item0", of: "c1", .conversation, owner: "you") != nil,
            try await store.item("item0", owner: "you") != nil,
            try await store.add(fixture.items(5..<6), toConversation: "c1", owner: "you"),
            try await store.deleteItem("item0", ofConversation: "c1", owner: "you"),
            try await store.chat("k1", owner: "you") != nil,
            try await !store.chats(owner: "you", page: page).data.isEmpty,
            try await store.items(of: "k1", .chat, owner: "you", page: page) != nil,
            try await store.setMetadata([:], of: "k1", .chat, owner: "you"),
            try await store.delete("r1", .response, owner: "you"),
            try await store.delete("k1", .response, owner: "me"),
            try await store.response("k1", owner: "me") != nil,
            try await store.items(of: "c1", .chat, owner: "me", page: page) != nil,
        ]
        #expect(found == found.map { _ in false })
    }

    @Test func aChainDoesNotLeadToAnotherOwner() async throws {
        let store = fixture.store()
        try await store.insert(fixture.response("r1", owner: "you"), input: [])
        try await store.insert(fixture.response("r2", continues: "r1"), input: [])
        let chain = try await store.chain(endingAt: "r2", owner: "me")
        #expect(chain?.turns.map(\.response.id) == ["r2"])
        #expect(chain?.missing == "r1")
    }
}
