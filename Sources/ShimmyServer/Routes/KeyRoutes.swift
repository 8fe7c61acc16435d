import Foundation
import HTTPTypes
import Hummingbird
import Logging
package import ShimmyAPI
package import ShimmyAccounts
import ShimmyJSON
import ShimmyService
import ShimmyStorage

/// The keys of clients, under OpenAI's paths: list, create, get, change, rotate and revoke. They need a key with the role `admin`.
struct KeyRoutes: Sendable {
    let access: ServerAccess
    let body: RequestReader

    var routes: [Route] {
        let all = "/organization/admin_api_keys"
        let one = all + "/{key_id}"
        return [
            Route(own: .get, all, .read, access: .admin, handler: list),
            Route(own: .post, all, .write, access: .admin, handler: create),
            Route(own: .get, one, .read, access: .admin, handler: get),
            Route(own: .post, one, .write, access: .admin, handler: update),
            Route(own: .delete, one, .write, access: .admin, handler: revoke),
            Route(own: .post, one + "/rotate", .write, access: .admin, handler: rotate),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let page = try request.query.page(order: .asc)
        var keys = try await all()
        if page.order == .desc { keys.reverse() }
        if let after = page.after {
            guard let index = keys.firstIndex(where: { $0.id == after }) else { throw StorageError.unknownCursor(after) }
            keys.removeFirst(index + 1)
        }
        return .json(ListEncoder.list(keys.prefix(page.limit).map(\.json), hasMore: keys.count > page.limit))
    }

    @Sendable private func create(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let book = try writableBook(context)
        let decoded = try await body.read(request, context) { try AdminKeyRequest($0) }
        if access.rules.keys.contains(where: { $0.key.name == decoded.name }) { throw KeyBookError.nameTaken(decoded.name) }
        let new = try await book.create(KeyDraft(decoded))
        context.logger.notice("key created", metadata: ["key": "\(new.key.name)", "role": "\(new.key.role.rawValue)"])
        return .json(AdminKeyEncoder(new.key).json(text: new.text))
    }

    @Sendable private func get(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        .json(try await find(context).json)
    }

    /// Changes a key. The new properties apply to requests that begin later.
    @Sendable private func update(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let book = try writableBook(context)
        let decoded = try await body.read(request, context) { try AdminKeyUpdate($0) }
        let id = try await changeable(context)
        if let name = decoded.name, access.rules.keys.contains(where: { $0.key.name == name }) { throw KeyBookError.nameTaken(name) }
        guard let key = try await book.update(id, { $0.apply(decoded) }) else { throw Self.notFound(id) }
        context.logger.notice("key changed", metadata: ["key": "\(key.name)", "role": "\(key.role.rawValue)"])
        return .json(AdminKeyEncoder(key).json)
    }

    @Sendable private func revoke(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let book = try writableBook(context)
        let id = try await changeable(context)
        guard let key = try await book.revoke(id) else { throw Self.notFound(id) }
        context.logger.notice("key revoked", metadata: ["key": "\(key.name)"])
        return .json(AdminKeyEncoder.deleted(id))
    }

    @Sendable private func rotate(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let book = try writableBook(context)
        let id = try await changeable(context)
        guard let new = try await book.rotate(id) else { throw Self.notFound(id) }
        context.logger.notice("key rotated", metadata: ["key": "\(new.key.name)"])
        return .json(AdminKeyEncoder(new.key).json(text: new.text))
    }

    // MARK: Finding

    /// Returns the keys that are not revoked: those of the configuration first, and then those of the book, the oldest first.
    private func all() async throws -> [AdminKeyEncoder] {
        let configured = access.rules.keys.map { AdminKeyEncoder($0.key, isConfigured: true) }
        let stored = try await access.book?.current(isFresh: true).all.filter { $0.revoked == nil } ?? []
        return configured + stored.map { AdminKeyEncoder($0) }
    }

    private func find(_ context: ShimmyRequestContext) async throws -> AdminKeyEncoder {
        let id = Self.id(context)
        guard let key = try await all().first(where: { $0.id == id }) else { throw Self.notFound(id) }
        return key
    }

    /// Returns the id of the request's key. Throws a 409 for a key of the configuration file.
    private func changeable(_ context: ShimmyRequestContext) async throws -> String {
        let key = try await find(context)
        if key.isConfigured {
            throw APIError(
                status: 409, message: "The key '\(key.name)' is in the server's shimmy.toml; change it there.", code: "key_in_configuration")
        }
        return key.id
    }

    /// Returns the book. Throws a 403 on a server that requires no key: otherwise anybody could lock out everybody else.
    private func writableBook(_ context: ShimmyRequestContext) throws(APIError) -> KeyBook {
        guard let book = access.book, context.keyHash != nil else {
            throw APIError(
                status: 403, message: "This server requires no keys. Create the first key with 'shimmy key create NAME --role admin'.",
                type: "permission_error", code: "insufficient_permissions")
        }
        return book
    }

    private static func id(_ context: ShimmyRequestContext) -> String { context.parameters.get("key_id") ?? "" }
    private static func notFound(_ id: String) -> APIError { .notFound("API key", id) }
}

extension KeyDraft {
    fileprivate init(_ request: AdminKeyRequest) {
        self.init(
            name: request.name, role: request.role == .admin ? .admin : .user, models: request.models,
            limits: AccessKey.Limits(
                requestsPerMinute: request.requestsPerMinute, tokensPerMinute: request.tokensPerMinute, tokensPerDay: request.tokensPerDay,
                concurrency: request.concurrency, maxOutputTokens: request.maxOutputTokens),
            weight: request.weight, expires: request.expires.map { Date(timeIntervalSince1970: Double($0)) })
    }

    fileprivate mutating func apply(_ update: AdminKeyUpdate) {
        if let name = update.name { self.name = name }
        if let role = update.role { self.role = role == .admin ? .admin : .user }
        if let models = update.models { self.models = models }
        limits = AccessKey.Limits(
            requestsPerMinute: update.requestsPerMinute.applied(to: limits.requestsPerMinute),
            tokensPerMinute: update.tokensPerMinute.applied(to: limits.tokensPerMinute),
            tokensPerDay: update.tokensPerDay.applied(to: limits.tokensPerDay), concurrency: update.concurrency.applied(to: limits.concurrency),
            maxOutputTokens: update.maxOutputTokens.applied(to: limits.maxOutputTokens))
        if let weight = update.weight { self.weight = weight }
        switch update.expires {
        case .keep: break
        case .remove: expires = nil
        case .set(let seconds): expires = Date(timeIntervalSince1970: Double(seconds))
        }
    }
}

extension AdminKeyEncoder {
    /// The JSON of a key, for the API and for `shimmy key`.
    package init(_ key: AccessKey, isConfigured: Bool = false) {
        self.init(id: key.id, name: key.name, created: Int(key.created.timeIntervalSince1970))
        hint = key.hint
        isAdmin = key.role == .admin
        models = key.models
        limits = [
            ("requests_per_minute", key.limits.requestsPerMinute), ("tokens_per_minute", key.limits.tokensPerMinute),
            ("tokens_per_day", key.limits.tokensPerDay), ("concurrency", key.limits.concurrency),
            ("max_output_tokens", key.limits.maxOutputTokens),
        ]
        weight = key.weight
        expires = key.expires.map { Int($0.timeIntervalSince1970) }
        revoked = key.revoked.map { Int($0.timeIntervalSince1970) }
        self.isConfigured = isConfigured
    }
}
