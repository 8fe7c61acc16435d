import Foundation
import ShimmyJSON
import ShimmyStorage
import ShimmyTestSupport
import Testing

/// A database that the first version of the schema made. A change of the schema is a new migration: the text below never changes.
@Suite struct FrozenSchemaTests {
    private let fixture = StoreFixture()
    private let other = StoreFixture()

    private static let schema = """
        CREATE TABLE record (
            serial INTEGER PRIMARY KEY,
            kind INTEGER NOT NULL,
            id TEXT NOT NULL UNIQUE,
            owner TEXT NOT NULL,
            created INTEGER NOT NULL,
            touched INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            status TEXT,
            model TEXT,
            background INTEGER NOT NULL DEFAULT 0,
            previous TEXT,
            conversation TEXT,
            metadata TEXT,
            object TEXT,
            request TEXT
        );
        CREATE INDEX record_by_owner ON record (owner, kind, serial);
        CREATE INDEX record_by_age ON record (touched, serial);
        CREATE INDEX record_by_previous ON record (previous) WHERE previous IS NOT NULL;
        CREATE INDEX record_unfinished ON record (status) WHERE status IN ('queued', 'in_progress');

        CREATE TABLE item (
            record INTEGER NOT NULL REFERENCES record (serial) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            id TEXT NOT NULL,
            json TEXT NOT NULL
        );
        CREATE UNIQUE INDEX item_by_position ON item (record, position);
        CREATE UNIQUE INDEX item_by_id ON item (id, record);

        CREATE TABLE event (
            record INTEGER NOT NULL REFERENCES record (serial) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            json TEXT NOT NULL
        );
        CREATE UNIQUE INDEX event_by_number ON event (record, number);
        """

    /// One record of each kind, a response that was queued and one that was running.
    private static let rows = """
        INSERT INTO record (serial, kind, id, owner, created, touched, bytes, status, model, background, previous, conversation, object, request)
        VALUES
            (1, 1, 'resp_1', 'me', 1799999001, 1799999001, 100, 'completed', 'm', 0, NULL, 'conv_1', '{"id":"resp_1"}', NULL),
            (2, 1, 'resp_2', 'me', 1799999002, 1799999002, 100, 'queued', 'm', 1, 'resp_1', NULL, '{"id":"resp_2"}', '{"model":"m"}'),
            (3, 1, 'resp_3', 'me', 1799999003, 1799999003, 100, 'in_progress', 'm', 1, NULL, NULL, '{"id":"resp_3"}', '{"model":"m"}');
        INSERT INTO record (serial, kind, id, owner, created, touched, bytes, model, metadata, object)
        VALUES
            (4, 2, 'conv_1', 'me', 1799999004, 1799999004, 100, NULL, '{"title":"sea"}', NULL),
            (5, 3, 'chat_1', 'me', 1799999005, 1799999005, 100, 'm', '{"topic":"demo"}', '{"id":"chat_1"}');
        INSERT INTO item (record, position, id, json)
        VALUES
            (1, 0, 'a', '{"text":"one"}'), (1, 1, 'b', '{"text":"two"}'), (4, 0, 'a', '{"text":"one"}'), (5, 0, 'c', '{"text":"three"}');
        INSERT INTO event (record, number, json)
        VALUES (1, 0, '{"type":"response.created"}'), (1, 1, '{"type":"response.completed"}');
        """

    private func makeFirst() throws {
        try FrozenDatabase.make(fixture.file, sql: Self.schema + "\n" + Self.rows, migrations: ["1"])
    }

    @Test func anOldFileGetsTheSchemaOfANewOne() async throws {
        try makeFirst()
        for store in [fixture.store(), other.store()] {
            try await store.ready()
            await store.close()
        }
        let (old, new) = (try FrozenDatabase.schema(fixture.file), try FrozenDatabase.schema(other.file))
        #expect(old == new, "The migrations that exist must not change. Add a migration.")
        let (applied, known) = (try FrozenDatabase.migrations(fixture.file), try FrozenDatabase.migrations(other.file))
        #expect(applied == known)
        #expect(known == ["1"], "Add a test with the schema of the new version, beside this one.")
    }

    @Test func finishedResponsesAreReadable() async throws {
        try makeFirst()
        let store = fixture.store()
        let response = try await store.response("resp_1", owner: "me")
        let expected = StoredResponse(
            id: "resp_1", owner: "me", created: 1_799_999_001, status: .completed, model: "m", conversationID: "conv_1", object: ["id": "resp_1"])
        #expect(response == expected)
        let input = try await store.input(of: "resp_1", owner: "me")
        #expect(input == [StoredItem(id: "a", json: ["text": "one"]), StoredItem(id: "b", json: ["text": "two"])])
        let events = try await store.events(of: "resp_1", owner: "me", after: -1)
        #expect(events?.map(\.number) == [0, 1])
        #expect(events?.last?.json["type"] == "response.completed")
        let chain = try await store.chain(endingAt: "resp_2", owner: "me")
        #expect(chain?.turns.map(\.response.id) == ["resp_1", "resp_2"])
        let foreign = try await store.response("resp_1", owner: "another")
        #expect(foreign == nil)
        await store.close()
    }

    @Test func unfinishedResponsesEndOrContinue() async throws {
        try makeFirst()
        let store = fixture.store()
        let queued = try await store.takeQueued()
        let expected = StoredResponse(
            id: "resp_2", owner: "me", created: 1_799_999_002, status: .queued, model: "m", isBackground: true, previousID: "resp_1",
            object: ["id": "resp_2"], request: ["model": "m"])
        #expect(queued == [expected])
        let interrupted = try await store.response("resp_3", owner: "me")
        #expect(interrupted?.status == .failed)
        await store.close()
    }

    @Test func conversationsAndChatsAreReadableAndGrow() async throws {
        try makeFirst()
        let store = fixture.store()
        let conversation = try await store.conversation("conv_1", owner: "me")
        #expect(conversation == StoredConversation(id: "conv_1", owner: "me", created: 1_799_999_004, metadata: ["title": "sea"]))
        let wasAdded = try await store.add([StoredItem(id: "d", json: ["text": "four"])], toConversation: "conv_1", owner: "me")
        #expect(wasAdded)
        let items = try await store.allItems(ofConversation: "conv_1", owner: "me")
        #expect(items?.map(\.id) == ["a", "d"])
        let chat = try await store.chat("chat_1", owner: "me")
        let expected = StoredChat(
            id: "chat_1", owner: "me", created: 1_799_999_005, model: "m", metadata: ["topic": "demo"], object: ["id": "chat_1"])
        #expect(chat == expected)
        let messages = try await store.items(of: "chat_1", .chat, owner: "me", page: Page(order: .asc))
        #expect(messages?.data == [StoredItem(id: "c", json: ["text": "three"])])
        await store.close()
    }

    /// A file of the first version is also a backup of the first version.
    @Test func aBackupOfTheFirstVersionIsRestored() async throws {
        try makeFirst()
        try StorageBackup.restore(fixture.file, to: other.directory)
        let store = other.store()
        let (response, chat) = (try await store.response("resp_1", owner: "me"), try await store.chat("chat_1", owner: "me"))
        #expect(response != nil && chat != nil)
        await store.close()
        let migrations = try FrozenDatabase.migrations(other.file)
        #expect(migrations == ["1"])
    }
}
