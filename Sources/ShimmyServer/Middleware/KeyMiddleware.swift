import Foundation
import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyEngine
import ShimmyService

/// Requires an API key if the server has any, except on routes that are open to everybody. The routes themselves check the role of the key.
struct KeyMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let access: ServerAccess
    let routes: RouteTable
    let wrongKeys: WrongKeys
    /// See `ServerConfiguration.takesOwners`.
    let takesOwners: Bool

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        if routes.isOpen(request.uri.path) { return try await next(request, context) }
        guard await access.requiresKey() else { return try await next(request, context) }
        let given = Self.keys(of: request)
        if given.isEmpty { throw APIError.missingKey }
        if let seconds = wrongKeys.wait(of: context.address) { throw APIError.tooManyWrongKeys(retryAfter: seconds) }
        let (hash, holder) = try await validHolder(of: given, from: context.address)
        var context = context
        context.owner = (takesOwners ? request.headers[.owner].flatMap { OwnerHeader.owner($0) } : nil) ?? holder.owner
        context.storageOwner = holder.storageOwner
        context.key = holder.key
        context.keyHash = hash
        context.usersMayPull = access.rules.usersMayPull
        context.life?.note(key: holder.key)
        context.life?.note(keyOwner: holder.storageOwner, name: holder.key?.name)
        return try await next(request, context)
    }

    /// Returns the keys of a request, from OpenAI's header and from the two headers of other APIs. Clients send a placeholder in one of them, so that
    /// one right key suffices.
    private static func keys(of request: Request) -> [String] {
        var bearer: String?
        if let authorization = request.headers[.authorization], authorization.lowercased().hasPrefix("bearer ") {
            bearer = String(authorization.dropFirst("bearer ".count)).trimmingSpaces
        }
        return [bearer, request.headers[.xAPIKey], request.headers[.apiKey]].compactMap { $0 }
    }

    /// Returns the holder of a valid key. Only the hash of a given key is compared, so that the time of the comparison does not reveal how much of a
    /// guessed key is right. All keys are looked up in one place before the next one, so that a placeholder beside a valid key costs no check of the
    /// disk.
    private func validHolder(of keys: [String], from address: String?) async throws -> (KeyHash, ServerAccess.Holder) {
        var refusal = APIError.invalidKey
        var unknown = keys.map { KeyHash(of: $0) }
        for lookup in ServerAccess.Lookup.allCases where !unknown.isEmpty {
            let holders = try await access.holders(of: unknown, in: lookup)
            for hash in unknown {
                guard let holder = holders[hash] else { continue }
                switch holder.key?.obstacle(at: Date()) {
                case nil: return (hash, holder)
                case .expired?: refusal = .expiredKey
                case .revoked?: refusal = .revokedKey
                }
            }
            unknown.removeAll { holders[$0] != nil }
        }
        if !unknown.isEmpty { wrongKeys.note(from: address) }
        throw refusal
    }
}

extension HTTPField.Name {
    fileprivate static let owner = HTTPField.Name(OwnerHeader.name)!
}
