import Foundation
import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyAccounts
import ShimmyCore
import ShimmyService

/// Finds the end user that a trusted client names, and adds the headers about the limits of a key to each response to a request with a limited key.
struct AccountMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let access: ServerAccess
    let accounts: Accounts
    let routes: RouteTable

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        var context = context
        if access.rules.trustsUserHeaders { context.namedUser = Self.user(of: request) }
        var response = try await next(request, context)
        guard let quota = accounts.state(of: context.life?.key) else { return response }
        response.report(quota)
        if routes.api(of: request.head) == .anthropic { response.reportAnthropic(quota) }
        return response
    }

    private static let names = ["x-openwebui-user-email", "x-openwebui-user-name", "x-openwebui-user-id"].compactMap { HTTPField.Name($0) }
    private static let longest = 512

    /// Returns the user of Open WebUI's headers, whose values are percent-encoded.
    private static func user(of request: Request) -> String? {
        for name in names {
            guard let value = request.headers[name], !value.isEmpty, value.utf8.count <= longest else { continue }
            return PercentEncoding.decoded(value[...]) ?? value
        }
        return nil
    }
}

extension Response {
    /// Adds OpenAI's headers about the limits of a key.
    mutating func report(_ quota: QuotaState) {
        for (name, value) in RateLimitHeaders(quota).openAI { set(name, value) }
    }

    /// Adds Anthropic's headers about the limits of a key.
    fileprivate mutating func reportAnthropic(_ quota: QuotaState) {
        let now = Date()
        let headers = RateLimitHeaders(quota).anthropic { now.addingTimeInterval(Double($0) / 1000).formatted(.iso8601) }
        for (name, value) in headers { set(name, value) }
    }

    private mutating func set(_ name: String, _ value: String) {
        if let name = HTTPField.Name(name) { headers[name] = value }
    }
}

extension RateLimitHeaders {
    fileprivate init(_ quota: QuotaState) {
        func part(_ part: QuotaState.Part) -> Part { Part(limit: part.limit, remaining: part.remaining, reset: part.reset) }
        self.init(requests: quota.requests.map(part), tokens: quota.tokens.map(part))
    }
}
