import Foundation
import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyAccounts
import ShimmyService

/// `GET /v1/key` and the routes below it, an API of Shimmy: the properties of a request's key, the remaining parts of its limits, and its usage.
struct OwnKeyRoutes: Sendable {
    let quotas: Quotas
    let usage: UsageRoutes

    var routes: [Route] {
        [
            Route(own: .get, "/key", .read) { _, context in
                var response = Response.json(key(of: context).json)
                // The numbers change with each request.
                response.headers[.cacheControl] = "no-store"
                return response
            },
            Route(own: .get, "/key/usage/completions", .read) { request, context in
                try await usage.report(.completions, request, as: .completions, of: owner(of: context))
            },
            Route(own: .get, "/key/usage/embeddings", .read) { request, context in
                try await usage.report(.embeddings, request, as: .embeddings, of: owner(of: context))
            },
        ]
    }

    /// Returns the name under which the use of a request is counted, as `Accounts.charge` does.
    private func owner(of context: ShimmyRequestContext) -> String { context.key?.id ?? context.storageOwner }

    private func key(of context: ShimmyRequestContext) -> OwnKeyEncoder {
        guard let key = context.key else { return OwnKeyEncoder(id: owner(of: context)) }
        let use = quotas.use(key)
        func limit(_ name: String, _ part: QuotaState.Part?) -> OwnKeyEncoder.Limit {
            OwnKeyEncoder.Limit(name, limit: part?.limit, remaining: part?.remaining, reset: part?.reset)
        }
        var encoder = OwnKeyEncoder(
            id: key.id,
            limits: [
                limit("requests_per_minute", use.requestsPerMinute), limit("tokens_per_minute", use.tokensPerMinute),
                limit("tokens_per_day", use.tokensPerDay), limit("concurrency", use.concurrency),
                OwnKeyEncoder.Limit("max_output_tokens", limit: key.limits.maxOutputTokens),
            ])
        encoder.name = key.name
        encoder.isAdmin = key.role == .admin
        encoder.models = key.models
        encoder.weight = key.weight
        encoder.created = Int(key.created.timeIntervalSince1970)
        encoder.expires = key.expires.map { Int($0.timeIntervalSince1970) }
        return encoder
    }
}
