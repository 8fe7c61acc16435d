import Foundation
import ShimmyAccounts
import ShimmyTestSupport
import Testing

/// Files of keys and usage that the first versions of their schemas made. A change of a schema is a new migration: the texts below never change.
@Suite struct FrozenSchemaTests {
    /// A directory that is deleted with the test.
    private final class Place: Sendable {
        let directory = FileManager.default.temporaryDirectory.path + "/frozen-\(UUID().uuidString)"

        deinit { try? FileManager.default.removeItem(atPath: directory) }

        var keys: String { "\(directory)/keys.sqlite" }
        var usage: String { "\(directory)/usage.sqlite" }
    }

    private let place = Place()
    private let other = Place()

    private static let keySchema = """
        PRAGMA journal_mode = WAL;
        CREATE TABLE key (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL,
            hash BLOB NOT NULL UNIQUE,
            hint TEXT,
            role TEXT NOT NULL,
            models TEXT NOT NULL,
            requests_per_minute INTEGER,
            tokens_per_minute INTEGER,
            tokens_per_day INTEGER,
            concurrency INTEGER,
            max_output_tokens INTEGER,
            weight REAL NOT NULL,
            created INTEGER NOT NULL,
            expires INTEGER,
            revoked INTEGER
        );
        CREATE UNIQUE INDEX key_by_name ON key (name) WHERE revoked IS NULL;
        """

    /// The SHA-256 hashes are those of "sk-shimmy-frozen" and "sk-shimmy-gone".
    private static let keyRows = """
        INSERT INTO key VALUES
            ('key_1', 'ann', X'0695f8f24e09231fd3d12ffe0c511dfeca07a652bbae4bc1cd6e8b658d957340', 'ozen', 'admin', '["small*"]', 1, 2, 3, 4, 5,
                2.5, 1700000000, 4000000000, NULL),
            ('key_2', 'bob', X'e9f51d0c1d63a27d15ab505e72657f0508820424b8f1363341eff01e47b17548', NULL, 'user', '[]', NULL, NULL, NULL, NULL,
                NULL, 1, 1700000001, NULL, 1700000002);
        """

    private static let usageSchema = """
        PRAGMA journal_mode = WAL;
        CREATE TABLE usage (
            day INTEGER NOT NULL,
            key TEXT NOT NULL,
            user TEXT NOT NULL,
            model TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            requests INTEGER NOT NULL,
            errors INTEGER NOT NULL,
            input_tokens INTEGER NOT NULL,
            cached_tokens INTEGER NOT NULL,
            output_tokens INTEGER NOT NULL,
            reasoning_tokens INTEGER NOT NULL,
            milliseconds INTEGER NOT NULL,
            counted_tokens INTEGER NOT NULL,
            PRIMARY KEY (day, key, user, model, endpoint)
        ) WITHOUT ROWID;
        """

    private static let usageRows = "INSERT INTO usage VALUES (10, 'key_1', 'u', 'm', '/v1/chat/completions', 1, 2, 3, 4, 5, 6, 7, 8);"

    private func compare(_ old: String, _ new: String) throws {
        let (upgraded, fresh) = (try FrozenDatabase.schema(old), try FrozenDatabase.schema(new))
        #expect(!fresh.isEmpty)
        #expect(upgraded == fresh, "The migrations that exist must not change. Add a migration.")
        let (applied, known) = (try FrozenDatabase.migrations(old), try FrozenDatabase.migrations(new))
        #expect(applied == known)
        #expect(known == ["1"], "Add a test with the schema of the new version, beside this one.")
    }

    @Test func keysOfTheFirstVersionOpenTheServer() async throws {
        try FrozenDatabase.make(place.keys, sql: Self.keySchema + "\n" + Self.keyRows, migrations: ["1"])
        let book = KeyBook(directory: place.directory)
        let entries = try await book.current()
        var ann = AccessKey(
            id: "key_1", name: "ann", role: .admin, models: ["small*"],
            limits: AccessKey.Limits(requestsPerMinute: 1, tokensPerMinute: 2, tokensPerDay: 3, concurrency: 4, maxOutputTokens: 5), weight: 2.5,
            created: Date(timeIntervalSince1970: 1_700_000_000), expires: Date(timeIntervalSince1970: 4_000_000_000))
        ann.hint = "ozen"
        #expect(entries[KeyHash(of: "sk-shimmy-frozen")] == ann)
        let bob = AccessKey(
            id: "key_2", name: "bob", created: Date(timeIntervalSince1970: 1_700_000_001), revoked: Date(timeIntervalSince1970: 1_700_000_002))
        #expect(entries[KeyHash(of: "sk-shimmy-gone")] == bob)
        #expect(entries.all.count == 2 && entries.areAny)
        let new = try await book.create(KeyDraft(name: "bob"))
        let revoked = try await book.revoke("ann")
        #expect(revoked?.id == "key_1")
        let after = try await book.current(isFresh: true)
        #expect(after[KeyHash(of: new.text)] == new.key && after.all.count == 3)
    }

    @Test func aFileOfKeysGetsTheSchemaOfANewOne() async throws {
        try FrozenDatabase.make(place.keys, sql: Self.keySchema + "\n" + Self.keyRows, migrations: ["1"])
        for directory in [place.directory, other.directory] { _ = try await KeyBook(directory: directory).create(KeyDraft(name: "new")) }
        try compare(place.keys, other.keys)
    }

    @Test func usageOfTheFirstVersionIsAdded() async throws {
        try FrozenDatabase.make(place.usage, sql: Self.usageSchema + "\n" + Self.usageRows, migrations: ["1"])
        let store = UsageStore(directory: place.directory)
        let query = UsageQuery(days: 0...20, by: [.key, .user, .model, .endpoint, .day])
        var sums = UsageSums()
        (sums.requests, sums.errors, sums.inputTokens, sums.cachedTokens) = (1, 2, 3, 4)
        (sums.outputTokens, sums.reasoningTokens, sums.milliseconds, sums.countedTokens) = (5, 6, 7, 8)
        let values = ["key_1", "u", "m", "/v1/chat/completions", "10"]
        let lines = try await store.lines(query)
        #expect(lines == [UsageLine(values: values, sums: sums)])
        try await store.add([UsageOrigin(day: 10, key: "key_1", user: "u", model: "m", endpoint: "/v1/chat/completions"): sums])
        var doubled = sums
        doubled += sums
        let added = try await store.lines(query)
        #expect(added == [UsageLine(values: values, sums: doubled)])
    }

    @Test func aFileOfUsageGetsTheSchemaOfANewOne() async throws {
        try FrozenDatabase.make(place.usage, sql: Self.usageSchema + "\n" + Self.usageRows, migrations: ["1"])
        let origin = UsageOrigin(day: 11, key: "key_1", user: "", model: "m", endpoint: "/v1/chat/completions")
        for directory in [place.directory, other.directory] { try await UsageStore(directory: directory).add([origin: UsageSums()]) }
        try compare(place.usage, other.usage)
    }
}
