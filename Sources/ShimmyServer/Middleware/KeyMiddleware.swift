import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyEngine

/// Asks for an API key where the server has any. Health and the root stay open for probes.
struct KeyMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    private struct Holder {
        let key: [UInt8]
        let owner: Owner
        let storageOwner: String
    }

    private let holders: [Holder]
    private static let openPaths: Set<String> = ["/", "/health", "/v1/health"]

    init(keys: [APIKey]) {
        // Owners are told apart by number, those of what is kept by a hash: a key's own text goes no further than this.
        holders = keys.enumerated().map { number, key in
            Holder(
                key: Array(key.key.utf8), owner: Owner("key \(number + 1)", weight: key.weight), storageOwner: StorageOwner.ofKey(key.key))
        }
    }

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        if holders.isEmpty || Self.openPaths.contains(request.uri.path) { return try await next(request, context) }
        guard let given = Self.key(of: request) else { throw APIError.missingKey }
        guard let holder = holder(of: Array(given.utf8)) else { throw APIError.invalidKey }
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
    private func holder(of given: [UInt8]) -> Holder? {
        var found: Holder?
        for holder in holders {
            var difference = UInt8(holder.key.count == given.count ? 0 : 1)
            for index in holder.key.indices { difference |= holder.key[index] ^ (index < given.count ? given[index] : 0) }
            if difference == 0 { found = holder }
        }
        return found
    }
}
