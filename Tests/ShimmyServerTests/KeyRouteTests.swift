import Foundation
import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyJSON
import ShimmyServer
import ShimmyTestSupport
import Synchronization
import Testing

/// Which key opens which route, and the routes that manage keys.
@Suite struct KeyRouteTests {
    /// A directory with a book of keys that is deleted with the test.
    private final class Place: Sendable {
        let directory = FileManager.default.temporaryDirectory.path + "/keys-\(UUID().uuidString)"

        deinit { try? FileManager.default.removeItem(atPath: directory) }

        /// Returns a book, as another process would open it. It keeps the directory.
        func book() -> KeyBook { KeyBook(directory: directory, interval: .zero, now: { withExtendedLifetime(self) { Date() } }) }
    }

    private struct NoModel: Error {}

    private static let past = Date(timeIntervalSince1970: 1_000_000_000)

    private static func known(
        _ text: String, _ role: AccessKey.Role, models: [String] = [], expires: Date? = nil, revoked: Date? = nil
    ) -> ServerAccess.ConfiguredKey {
        let hash = KeyHash(of: text)
        let key = AccessKey(
            id: KeyText.id(of: hash), name: text, role: role, models: models, created: past, expires: expires, revoked: revoked)
        return ServerAccess.ConfiguredKey(hash: hash, key: key)
    }

    private static let keys = [
        known("user", .user), known("admin", .admin), known("old", .admin, expires: past), known("gone", .admin, revoked: past),
    ]

    private static func server(_ rules: ServerAccess.Rules, _ place: Place, models: [String] = ["talker"]) -> ScriptedServer {
        var loaders: [String: @Sendable () throws -> Backend] = [:]
        for name in models { loaders[name] = { ScriptedGenerator(says: ["x"]).backend() } }
        var server = ScriptedServer(models: loaders)
        server.configuration = ServerConfiguration(access: rules, book: place.book())
        return server
    }

    private static func bearer(_ key: String?) -> [String: String] { key.map { ["authorization": "Bearer \($0)"] } ?? [:] }

    /// Clients send a placeholder in one header beside the key in another one.
    @Test func aPlaceholderBesideAKeyCostsNoCheckOfTheDisk() async throws {
        let place = Place()
        let readings = Counter()
        let book = KeyBook(directory: place.directory, interval: .seconds(3600), uptime: { readings.next() })
        let new = try await book.create(KeyDraft(name: "ann"))
        var server = ScriptedServer(ScriptedGenerator(says: ["x"]))
        server.configuration = ServerConfiguration(book: book)
        let headers = ["authorization": "Bearer placeholder", "x-api-key": new.text]
        #expect(try await server.send("GET", "/v1/models", headers: headers).status == 200)
        let before = readings.count
        #expect(try await server.send("GET", "/v1/models", headers: headers).status == 200)
        // A look at the time for each lookup; a check would take another one.
        #expect(readings.count - before <= 2)
        #expect(try await server.send("GET", "/v1/models", headers: Self.bearer("placeholder")).status == 401)
        withExtendedLifetime(place) {}
    }

    /// A clock that counts its readings.
    private final class Counter: Sendable {
        private let readings = Mutex(0)

        var count: Int { readings.withLock { $0 } }

        func next() -> ContinuousClock.Instant {
            readings.withLock { $0 += 1 }
            return .now
        }
    }

    // MARK: Roles

    private static let table = ShimmyServer.routeTable(
        configuration: ServerConfiguration(), service: ScriptedServer.service([:]), hub: ScriptedServer.hub, library: ScriptedLibrary(),
        contextLength: { _ in nil }, tokenizer: { _ in throw NoModel() }
    ).documentedRoutes

    @Test(arguments: [nil, "wrong", "user", "admin", "old", "gone", "plain"] as [String?])
    func everyRouteAsksForItsRole(key: String?) async throws {
        let server = Self.server(.init(apiKeys: [APIKey("plain")], keys: Self.keys), Place())
        #expect(Self.table.contains { $0.needsAdmin } && Self.table.contains { !$0.needsKey })
        for route in Self.table {
            for path in [route.path] + route.otherPaths {
                // Without a limit, the stream of events has no end.
                let query = path == "/admin/events" ? "?limit=1" : ""
                let filled = path.split(separator: "/", omittingEmptySubsequences: false)
                    .map { $0 == "{model}" ? "talker" : $0.hasPrefix("{") ? "x" : $0 }.joined(separator: "/")
                let path = filled + query
                let body = ["POST", "DELETE"].contains(route.method) ? "{}" : nil
                let status = try await server.send(route.method, path, body, headers: Self.bearer(key)).status
                let name = "\(route.method) \(path): \(status)"
                if !route.needsKey {
                    #expect(status != 401 && status != 403, "\(name)")
                } else if !["user", "admin", "plain"].contains(key) {
                    #expect(status == 401, "\(name)")
                } else if route.needsAdmin, key == "user" {
                    #expect(status == 403, "\(name)")
                } else {
                    #expect(status != 401 && status != 403, "\(name)")
                }
            }
        }
    }

    @Test(arguments: ["/v1/models/unload", "/models/rescan", "/api/create", "/api/v1/models/load", "/v1//models//unload", "/v1/models/unload/"])
    func noWayToWriteAPathAvoidsTheRole(path: String) async throws {
        let server = Self.server(.init(keys: Self.keys), Place())
        let answer = try await server.send("POST", path, "{}", headers: Self.bearer("user"))
        #expect(answer.status == 403 || answer.status == 404, "\(answer.status)")
    }

    @Test func aRefusalHasTheFormOfTheAPI() async throws {
        let server = Self.server(.init(keys: Self.keys), Place())
        let own = try await server.send("POST", "/v1/models/unload", "{}", headers: Self.bearer("user"))
        #expect(own.error == "403 insufficient_permissions -")
        let ollama = try await server.send("POST", "/api/create", "{}", headers: Self.bearer("user"))
        #expect(ollama.json["error"]?.stringValue?.contains("role 'admin'") == true)
        let expired = try await server.send("GET", "/v1/models", headers: Self.bearer("old"))
        #expect(expired.error == "401 invalid_api_key -" && expired.json["error"]?["message"]?.stringValue?.contains("expired") == true)
    }

    @Test(arguments: [false, true], ["/v1/models/pull", "/api/pull"]) func aSettingLetsUsersPull(isAllowed: Bool, path: String) async throws {
        let server = Self.server(.init(keys: Self.keys, usersMayPull: isAllowed), Place())
        #expect(try await server.send("POST", path, "{}", headers: Self.bearer("user")).status == (isAllowed ? 400 : 403))
    }

    @Test func aUserFreesNoModelWithAnEmptyRequest() async throws {
        let server = Self.server(.init(keys: Self.keys), Place())
        let body: JSON = ["model": "talker", "keep_alive": 0]
        #expect(try await server.post("/api/generate", body, headers: Self.bearer("user")).status == 403)
        #expect(try await server.post("/api/generate", body, headers: Self.bearer("admin")).status == 200)
        #expect(try await server.post("/api/generate", ["model": "talker"], headers: Self.bearer("user")).status == 200)
    }

    // MARK: Models

    @Test func aModelThatAKeyMayNotUseDoesNotExist() async throws {
        let keys = [Self.known("user", .user, models: ["TALK*"]), Self.known("admin", .admin)]
        let server = Self.server(.init(keys: keys), Place(), models: ["talker", "thinker"])
        func names(_ path: String, _ list: String, _ member: String, _ key: String) async throws -> [String] {
            let found = try await server.send("GET", path, headers: Self.bearer(key)).json[list]?.arrayValue ?? []
            return found.compactMap { $0[member]?.stringValue?.replacing(":latest", with: "") }.sorted()
        }
        for (path, list, member) in [
            ("/v1/models", "data", "id"), ("/api/tags", "models", "name"), ("/api/v0/models", "data", "id"), ("/api/v1/models", "models", "key"),
        ] {
            #expect(try await names(path, list, member, "user") == ["talker"], "\(path)")
            #expect(try await names(path, list, member, "admin") == ["talker", "thinker"], "\(path)")
        }
        func chat(_ model: String, stream: Bool) -> JSON {
            ["model": .string(model), "messages": [["role": "user", "content": "Hi"]], "stream": .bool(stream)]
        }
        for stream in [false, true] {
            #expect(try await server.post("/v1/chat/completions", chat("talker", stream: stream), headers: Self.bearer("user")).status == 200)
            let refused = try await server.post("/v1/chat/completions", chat("thinker", stream: stream), headers: Self.bearer("user"))
            #expect(refused.error == "404 model_not_found -")
            #expect(try await server.post("/v1/chat/completions", chat("thinker", stream: stream), headers: Self.bearer("admin")).status == 200)
        }
        #expect(try await server.send("GET", "/v1/models/thinker", headers: Self.bearer("user")).error == "404 model_not_found -")
        #expect(try await server.post("/api/show", ["model": "thinker"], headers: Self.bearer("user")).status == 404)
        let message: JSON = ["model": "thinker", "max_tokens": 1, "messages": [["role": "user", "content": "Hi"]]]
        #expect(try await server.post("/v1/messages", message, headers: Self.bearer("user")).status == 404)
    }

    // MARK: The book

    @Test func aServerWithoutKeysIsClosedByTheFirstOneAndStaysClosed() async throws {
        let place = Place()
        let server = Self.server(.init(), place)
        #expect(try await server.send("GET", "/v1/engine").status == 200)
        // Another process.
        let new = try await place.book().create(KeyDraft(name: "ann", role: .admin))
        #expect(try await server.send("GET", "/v1/models").status == 401)
        #expect(try await server.send("GET", "/v1/models", headers: Self.bearer(new.text)).status == 200)
        _ = try await place.book().revoke("ann")
        let refused = try await server.send("GET", "/v1/models", headers: Self.bearer(new.text))
        #expect(refused.status == 401 && refused.json["error"]?["message"]?.stringValue?.contains("revoked") == true)
        #expect(try await server.send("GET", "/v1/models").status == 401)
    }

    @Test func keysOfTheRulesEndWithThem() async throws {
        let server = Self.server(.init(keys: Self.keys), Place())
        #expect(try await server.send("GET", "/v1/models", headers: Self.bearer("user")).status == 200)
        server.configuration.access.rules = .init()
        #expect(try await server.send("GET", "/v1/models", headers: Self.bearer("user")).status == 401)
        #expect(try await server.send("GET", "/v1/models").status == 401)
    }

    @Test func anAdminManagesKeys() async throws {
        let server = Self.server(.init(keys: Self.keys), Place())
        let admin = Self.bearer("admin")
        let all = "/v1/organization/admin_api_keys"
        let body: JSON = ["name": "bob", "models": ["a*"], "tokens_per_day": 9, "expires_at": 4_000_000_000]
        let created = try await server.post(all, body, headers: admin)
        #expect(created.status == 200)
        #expect(created.json["object"] == "organization.admin_api_key" && created.json["shimmy"]?["role"] == "user")
        #expect(created.json["shimmy"]?["limits"]?["tokens_per_day"] == 9 && created.json["shimmy"]?["expires_at"] == 4_000_000_000)
        let (id, text) = (try #require(created.json["id"]?.stringValue), try #require(created.json["value"]?.stringValue))
        #expect(try await server.send("GET", "/v1/models", headers: Self.bearer(text)).status == 200)

        let one = try await server.send("GET", "\(all)/\(id)", headers: admin)
        #expect(one.json["name"] == "bob" && one.json["value"] == nil && one.json["redacted_value"] == .string("sk-...\(text.suffix(4))"))
        let list = try await server.send("GET", "\(all)?limit=1&order=desc", headers: admin).json
        #expect(list["data"]?.arrayValue?.first?["id"] == .string(id) && list["has_more"] == true)
        #expect(try await server.send("GET", "\(all)?after=nothing", headers: admin).error == "400 invalid_value after")

        let rotated = try await server.send("POST", "\(all)/\(id)/rotate", headers: admin).json
        let next = try #require(rotated["value"]?.stringValue)
        #expect(try await server.send("GET", "/v1/models", headers: Self.bearer(text)).status == 401)
        #expect(try await server.send("GET", "/v1/models", headers: Self.bearer(next)).status == 200)
        #expect(try await server.send("DELETE", "\(all)/\(id)", headers: admin).json["deleted"] == true)
        #expect(try await server.send("GET", "/v1/models", headers: Self.bearer(next)).status == 401)
        #expect(try await server.send("GET", "\(all)/\(id)", headers: admin).status == 404)
    }

    @Test(arguments: [
        (#"{}"#, "400 missing_required_parameter name"), (#"{"name":" x"}"#, "400 invalid_value name"),
        (#"{"name":"x","role":"root"}"#, "400 invalid_value role"), (#"{"name":"x","models":[""]}"#, "400 invalid_value models[0]"),
        (#"{"name":"x","weight":0}"#, "400 decimal_below_min_value weight"),
        (#"{"name":"x","concurrency":0}"#, "400 integer_below_min_value concurrency"), (#"{"name":"admin"}"#, "409 name_taken name"),
        (#"{"name":"x","request_per_minute":3}"#, "400 unknown_parameter request_per_minute"),
        (#"{"name":"x","limits":{"request_per_minute":3}}"#, "400 unknown_parameter limits.request_per_minute"),
        (#"{"name":"x","limits":{"concurrency":3},"concurrency":3}"#, "400 invalid_value limits.concurrency"),
        (#"{"name":"x","limits":{"concurrency":0}}"#, "400 integer_below_min_value limits.concurrency"),
        (#"{"name":"x","models":[]}"#, "400 invalid_value models"), (#"{"name":"x","expires_at":1000000000}"#, "400 invalid_value expires_at"),
    ])
    func aMistakeInAKeyIsNamed(body: String, error: String) async throws {
        let server = Self.server(.init(keys: Self.keys), Place())
        let answer = try await server.send("POST", "/v1/organization/admin_api_keys", body, headers: Self.bearer("admin"))
        #expect(answer.error == error)
    }

    @Test func limitsCanHaveTheFormOfTheResponse() async throws {
        let server = Self.server(.init(keys: Self.keys), Place())
        let body: JSON = ["name": "bob", "concurrency": 2, "limits": ["requests_per_minute": 5, "tokens_per_day": .null]]
        let limits = try await server.post("/v1/organization/admin_api_keys", body, headers: Self.bearer("admin")).json["shimmy"]?["limits"]
        #expect(limits?["requests_per_minute"] == 5 && limits?["concurrency"] == 2 && limits?["tokens_per_day"] == .null)
    }

    @Test func aChangeAppliesToTheNextRequest() async throws {
        let server = Self.server(.init(keys: Self.keys), Place(), models: ["talker", "thinker"])
        let (all, admin) = ("/v1/organization/admin_api_keys", Self.bearer("admin"))
        let body: JSON = ["name": "bob", "models": ["talker"], "tokens_per_day": 9, "concurrency": 2, "expires_at": 4_000_000_000]
        let created = try await server.post(all, body, headers: admin).json
        let (id, text) = (try #require(created["id"]?.stringValue), try #require(created["value"]?.stringValue))
        #expect(try await server.send("GET", "/v1/models/thinker", headers: Self.bearer(text)).status == 404)
        let change: JSON = ["models": .null, "tokens_per_day": .null, "limits": ["requests_per_minute": 7], "expires_at": .null, "weight": 2]
        let changed = try await server.post("\(all)/\(id)", change, headers: admin)
        #expect(changed.status == 200 && changed.json["value"] == nil && changed.json["name"] == "bob" && changed.json["id"] == .string(id))
        let own = changed.json["shimmy"]
        #expect(own?["models"] == [] && own?["weight"] == 2 && own?["expires_at"] == .null && own?["role"] == "user")
        #expect(own?["limits"]?["requests_per_minute"] == 7 && own?["limits"]?["tokens_per_day"] == .null && own?["limits"]?["concurrency"] == 2)
        #expect(try await server.send("GET", "/v1/models/thinker", headers: Self.bearer(text)).status == 200)
        #expect(try await server.send("GET", "\(all)/\(id)", headers: admin).json["shimmy"] == own)
        // A user becomes an admin, and has another name.
        #expect(try await server.send("GET", "/v1/engine", headers: Self.bearer(text)).status == 403)
        let promoted = try await server.post("\(all)/\(id)", ["role": "admin", "name": "rob"], headers: admin).json
        #expect(promoted["name"] == "rob" && promoted["shimmy"]?["models"] == [])
        #expect(try await server.send("GET", "/v1/engine", headers: Self.bearer(text)).status == 200)
        // The form of the response can be sent back.
        let limits = try #require(own?["limits"])
        let again = try await server.post("\(all)/\(id)", ["limits": limits], headers: admin)
        #expect(again.json["shimmy"]?["limits"] == limits)
    }

    @Test(arguments: [
        (#"{"request_per_minute":3}"#, "400 unknown_parameter request_per_minute"),
        (#"{"limits":{"request_per_minute":3}}"#, "400 unknown_parameter limits.request_per_minute"),
        (#"{"limits":{"concurrency":3},"concurrency":3}"#, "400 invalid_value limits.concurrency"),
        (#"{"concurrency":0}"#, "400 integer_below_min_value concurrency"), (#"{"concurrency":"two"}"#, "400 invalid_type concurrency"),
        (#"{"models":[]}"#, "400 invalid_value models"), (#"{"name":" x"}"#, "400 invalid_value name"),
        (#"{"name":"admin"}"#, "409 name_taken name"), (#"{"name":"bob"}"#, "409 name_taken name"),
        (#"{"expires_at":1000000000}"#, "400 invalid_value expires_at"), (#"{"role":"root"}"#, "400 invalid_value role"),
    ])
    func aMistakeInAChangeIsNamed(body: String, error: String) async throws {
        let place = Place()
        let server = Self.server(.init(keys: Self.keys), place)
        let book = place.book()
        let ann = try await book.create(KeyDraft(name: "ann", limits: .init(concurrency: 1))).key
        _ = try await book.create(KeyDraft(name: "bob"))
        let path = "/v1/organization/admin_api_keys/\(ann.id)"
        #expect(try await server.send("POST", path, body, headers: Self.bearer("admin")).error == error)
        let kept = try await book.current().key(named: ann.id)
        #expect(kept == ann)
    }

    @Test func keysOfTheFileAreListedButNotChanged() async throws {
        let server = Self.server(.init(keys: Self.keys), Place())
        let id = Self.keys[0].key.id
        let path = "/v1/organization/admin_api_keys/\(id)"
        #expect(try await server.send("GET", path, headers: Self.bearer("admin")).json["shimmy"]?["source"] == "configuration")
        #expect(try await server.send("DELETE", path, headers: Self.bearer("admin")).error == "409 key_in_configuration -")
        #expect(try await server.send("POST", path, #"{"weight":2}"#, headers: Self.bearer("admin")).error == "409 key_in_configuration -")
    }

    @Test func nobodyLocksAnOpenServer() async throws {
        let place = Place()
        let answer = try await Self.server(.init(), place).post("/v1/organization/admin_api_keys", ["name": "x"])
        #expect(answer.error == "403 insufficient_permissions -")
        #expect(try await place.book().current().all.isEmpty)
    }
}
