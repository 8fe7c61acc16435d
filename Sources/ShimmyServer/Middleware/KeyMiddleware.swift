import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyEngine

/// Asks for an API key where the server has any. Health and the root stay open for probes.
struct KeyMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    private let keys: [(bytes: [UInt8], owner: Owner)]
    private static let openPaths: Set<String> = ["/", "/health", "/v1/health"]

    init(keys: [APIKey]) {
        // Owners are told apart by number: a key's own text goes no further than this.
        self.keys = keys.enumerated().map { (Array($1.key.utf8), Owner("key \($0 + 1)", weight: $1.weight)) }
    }

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        if keys.isEmpty || Self.openPaths.contains(request.uri.path) { return try await next(request, context) }
        guard let given = Self.key(of: request) else { throw APIError.missingKey }
        guard let owner = owner(of: Array(given.utf8)) else { throw APIError.invalidKey }
        var context = context
        context.owner = owner
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
    private func owner(of given: [UInt8]) -> Owner? {
        var found: Owner?
        for (key, owner) in keys {
            var difference = UInt8(key.count == given.count ? 0 : 1)
            for index in key.indices { difference |= key[index] ^ (index < given.count ? given[index] : 0) }
            if difference == 0 { found = owner }
        }
        return found
    }
}
