import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyEngine

/// Requires an API key if the server has any, except on routes that are open to everybody.
struct KeyMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let access: ServerAccess
    let routes: RouteTable

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        let holders = access.holders
        if holders.isEmpty || routes.isOpen(request.uri.path) { return try await next(request, context) }
        guard let given = Self.key(of: request) else { throw APIError.missingKey }
        guard let holder = Self.holder(of: Array(given.utf8), among: holders) else { throw APIError.invalidKey }
        var context = context
        context.owner = holder.owner
        context.storageOwner = holder.storageOwner
        return try await next(request, context)
    }

    /// Returns the key of a request, from OpenAI's header or from one of the two headers of other APIs; nil if the request has none.
    private static func key(of request: Request) -> String? {
        if let authorization = request.headers[.authorization], authorization.lowercased().hasPrefix("bearer ") {
            return String(authorization.dropFirst("bearer ".count)).trimmingSpaces
        }
        return request.headers[.xAPIKey] ?? request.headers[.apiKey]
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
