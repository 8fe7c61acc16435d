import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyEngine
import ShimmyService

/// Requires an API key if the server has any, except on routes that are open to everybody.
struct KeyMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let access: ServerAccess
    let routes: RouteTable

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        let holders = access.holders
        if holders.isEmpty || routes.isOpen(request.uri.path) { return try await next(request, context) }
        let given = Self.keys(of: request)
        if given.isEmpty { throw APIError.missingKey }
        let matches = given.map { Self.holder(of: Array($0.utf8), among: holders) }
        guard let holder = matches.compactMap({ $0 }).first else { throw APIError.invalidKey }
        var context = context
        context.owner = holder.owner
        context.storageOwner = holder.storageOwner
        context.life?.note(keyOwner: holder.storageOwner)
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

    /// Returns the holder of a key. The comparison covers every key and every byte, so that its time does not reveal how much of a guessed
    /// key is right.
    private static func holder(of given: [UInt8], among holders: [ServerAccess.Holder]) -> ServerAccess.Holder? {
        var found: ServerAccess.Holder?
        for holder in holders {
            var difference = UInt8(holder.key.count == given.count ? 0 : 1)
            for index in holder.key.indices { difference |= holder.key[index] ^ (index < given.count ? given[index] : 0) }
            if difference == 0 { found = holder }
        }
        return found
    }
}
