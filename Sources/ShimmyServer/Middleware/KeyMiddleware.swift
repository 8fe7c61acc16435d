import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyEngine

/// Asks for an API key where the server has any. Health and the root stay open for probes.
struct KeyMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let access: ServerAccess
    private static let openPaths: Set<String> = HealthRoutes.paths.union(["/"])

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        let holders = access.holders
        if holders.isEmpty || Self.openPaths.contains(request.uri.path) { return try await next(request, context) }
        guard let given = Self.key(of: request) else { throw APIError.missingKey }
        guard let holder = Self.holder(of: Array(given.utf8), among: holders) else { throw APIError.invalidKey }
        var context = context
        context.owner = holder.owner
        context.storageOwner = holder.storageOwner
        return try await next(request, context)
    }

    /// OpenAI's header, and the two that other clients of the kind use.
    private static func key(of request: Request) -> String? {
        if let authorization = request.headers[.authorization], authorization.lowercased().hasPrefix("bearer ") {
            return String(authorization.dropFirst("bearer ".count)).trimmingSpaces
        }
        return request.headers[.xAPIKey] ?? request.headers[.apiKey]
    }

    /// Compares with every key, byte by byte to the end: the time tells nothing about how much of a guess was right.
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
