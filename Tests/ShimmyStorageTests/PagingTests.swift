import ShimmyJSON
import ShimmyStorage
import Testing

@Suite struct PagingTests {
    private let fixture = StoreFixture()

    @Test(arguments: Page.Order.allCases, [1, 3, 7, 8])
    func pagesPutTogetherAreTheList(order: Page.Order, limit: Int) async throws {
        let store = fixture.store()
        try await store.insert(StoredConversation(id: "c1", owner: "me", created: 1, metadata: [:]), items: fixture.items(0..<7))
        var page = Page(limit: limit, order: order)
        var ids: [String] = []
        while true {
            let found = try await store.items(of: "c1", .conversation, owner: "me", page: page)
            let part = try #require(found)
            ids += part.ids
            #expect(part.hasMore == (ids.count < 7))
            guard part.hasMore else { break }
            #expect(part.data.count == limit)
            page.after = ids.last
        }
        let all = fixture.items(0..<7).map(\.id)
        #expect(ids == (order == .asc ? all : all.reversed()))
    }

    @Test func aCursorThatNamesNothingIsToldSo() async throws {
        let store = fixture.store()
        try await store.insert(StoredConversation(id: "c1", owner: "me", created: 1, metadata: [:]), items: [])
        try await store.insert(fixture.chat("other's", owner: "you"), messages: [])
        await #expect(throws: StorageError.unknownCursor("x")) {
            _ = try await store.items(of: "c1", .conversation, owner: "me", page: Page(after: "x"))
        }
        await #expect(throws: StorageError.unknownCursor("other's")) { _ = try await store.chats(owner: "me", page: Page(after: "other's")) }
    }

    @Test func conversationsOfAnOwnerAreListed() async throws {
        let store = fixture.store()
        for (id, owner) in [("c1", "me"), ("c2", "you"), ("c3", "me"), ("c4", "me")] {
            try await store.insert(StoredConversation(id: id, owner: owner, created: 1, metadata: ["title": .string(id)]), items: [])
        }
        try await store.insert(fixture.chat("k1"), messages: [])
        func ids(_ page: Page) async throws -> [String] { try await store.conversations(owner: "me", page: page).data.map(\.id) }
        let (newest, oldest) = (try await ids(Page()), try await ids(Page(order: .asc)))
        #expect(newest == ["c4", "c3", "c1"] && oldest == ["c1", "c3", "c4"])
        let first = try await store.conversations(owner: "me", page: Page(limit: 2))
        #expect(first.data.map(\.id) == ["c4", "c3"] && first.hasMore)
        let last = try await store.conversations(owner: "me", page: Page(limit: 2, after: "c3"))
        #expect(last.data.map(\.id) == ["c1"] && !last.hasMore)
        #expect(last.data.first?.metadata == ["title": "c1"] && last.data.first?.updated == fixture.now)
        fixture.pass(days: 1)
        _ = try await store.add(fixture.items(0..<1), toConversation: "c1", owner: "me")
        let changed = try await store.conversations(owner: "me", page: Page(limit: 1, order: .asc))
        #expect(changed.data.first?.updated == fixture.now)
        await #expect(throws: StorageError.unknownCursor("c2")) { _ = try await store.conversations(owner: "me", page: Page(after: "c2")) }
        await #expect(throws: StorageError.unknownCursor("k1")) { _ = try await store.conversations(owner: "me", page: Page(after: "k1")) }
    }

    @Test func chatsAreFiltered() async throws {
        let store = fixture.store()
        try await store.insert(fixture.chat("k1", metadata: ["user": "ann", "run": "1"]), messages: [])
        try await store.insert(fixture.chat("k2", model: "other", metadata: ["user": "ann"]), messages: [])
        try await store.insert(fixture.chat("k3", metadata: ["user": "bob"]), messages: [])
        try await store.insert(fixture.chat("k4", metadata: ["user": "ann", "run": "2"]), messages: [])
        func ids(_ filter: ChatFilter, _ page: Page = Page(order: .asc)) async throws -> [String] {
            try await store.chats(owner: "me", filter: filter, page: page).ids
        }
        let (all, newest) = (try await ids(ChatFilter()), try await ids(ChatFilter(), Page(limit: 2)))
        #expect(all == ["k1", "k2", "k3", "k4"] && newest == ["k4", "k3"])
        let byModel = try await ids(ChatFilter(model: "m"))
        #expect(byModel == ["k1", "k3", "k4"])
        let ann = try await ids(ChatFilter(metadata: [("user", "ann")]))
        #expect(ann == ["k1", "k2", "k4"])
        let both = try await ids(ChatFilter(model: "m", metadata: [("user", "ann"), ("run", "2")]))
        #expect(both == ["k4"])
        let after = try await ids(ChatFilter(metadata: [("user", "ann")]), Page(limit: 1, order: .asc, after: "k1"))
        #expect(after == ["k2"])
        let quoted = try await ids(ChatFilter(metadata: [("user", "ann' OR 1=1 --")]))
        #expect(quoted.isEmpty)
    }
}
