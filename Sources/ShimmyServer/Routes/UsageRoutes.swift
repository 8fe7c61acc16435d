import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyAccounts
import ShimmyCore

/// Reports of usage, under OpenAI's paths. They need a key with the role `admin`.
struct UsageRoutes: Sendable {
    /// The record of usage; nil if none is kept.
    let usage: UsageRecorder?

    var routes: [Route] {
        [
            Route(own: .get, "/organization/usage/completions", .read, access: .admin) { request, _ in
                try await report(.completions, request, as: .completions)
            },
            Route(own: .get, "/organization/usage/embeddings", .read, access: .admin) { request, _ in
                try await report(.embeddings, request, as: .embeddings)
            },
        ]
    }

    /// The max number of results of a page.
    private static let mostResults = 20_000

    /// Returns a page of usage.
    /// - owner: the key whose usage is reported, by the name under which it is counted; nil for all keys.
    func report(
        _ kind: UsageEndpoint.Kind, _ request: Request, as report: UsageEncoder.Report, of owner: String? = nil
    ) async throws -> Response {
        let decoded = try UsageRequest(request.query, now: UnixTime.now)
        if owner != nil, decoded.filters[.key] != nil {
            throw APIError(status: 400, message: "Unknown parameter: 'api_key_ids'.", param: "api_key_ids", code: "unknown_parameter")
        }
        var query = UsageQuery(days: decoded.days, by: [.day] + decoded.groups.map { UsageQuery.Dimension($0) })
        query.limit = Self.mostResults + 1
        query.filters[.endpoint] = UsageEndpoint.allCases.filter { $0.kind == kind }.map(\.rawValue)
        for (group, values) in decoded.filters { query.filters[UsageQuery.Dimension(group)] = values }
        if let owner { query.filters[.key] = [owner] }
        let lines = try await lines(query)
        if lines.count > Self.mostResults { throw APIError.tooMuchUsage(most: Self.mostResults) }
        let results = lines.map { line in
            UsageEncoder.Result(
                day: Int(line.values[0]) ?? 0, groups: Array(zip(decoded.groups, line.values.dropFirst())),
                requests: line.sums.requests, errors: line.sums.errors, inputTokens: line.sums.inputTokens, cachedTokens: line.sums.cachedTokens,
                outputTokens: line.sums.outputTokens, reasoningTokens: line.sums.reasoningTokens, milliseconds: line.sums.milliseconds)
        }
        return .json(UsageEncoder(report: report, request: decoded).json(results))
    }

    private func lines(_ query: UsageQuery) async throws -> [UsageLine] {
        guard let usage else { return [] }
        do {
            return try await usage.lines(query)
        } catch {
            // The reason contains a path.
            throw APIError.unavailable("The server cannot read its record of usage.", code: "usage_unavailable", retryAfter: 5)
        }
    }
}

extension UsageQuery.Dimension {
    fileprivate init(_ group: UsageRequest.Group) {
        self =
            switch group {
            case .user: .user
            case .key: .key
            case .model: .model
            }
    }
}

extension APIError {
    fileprivate static func tooMuchUsage(most: Int) -> APIError {
        APIError(
            status: 400, message: "The page has more than \(most) results. Use a smaller 'limit', or fewer names in 'group_by'.", param: "limit",
            code: "limit_exceeded")
    }
}
