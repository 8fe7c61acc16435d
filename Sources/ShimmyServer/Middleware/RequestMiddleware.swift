import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import ShimmyAPI
import ShimmyMetrics
import ShimmyService

/// Follows each request to its end, then logs it in a line and counts it.
struct RequestMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let routes: RouteTable
    let metrics: MetricsRegistry

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        let exchange = Exchange(
            head: request.head, endpoint: context.coreContext.endpointPath, arrived: context.arrived, logger: context.logger)
        let life = RequestLife { [routes, metrics] facts in exchange.report(facts, routes, metrics) }
        var context = context
        context.life = life
        do {
            var response = try await next(request, context)
            life.note(status: response.status.code)
            if response.body.contentLength == nil {
                response.body = Self.followed(response.body, life)
            } else {
                life.ended()
            }
            return response
        } catch {
            // The request was cut off, so there is no client to answer.
            life.noteDisconnect()
            life.ended()
            throw error
        }
    }

    /// Returns a stream that ends the request when it is written, or when its client no longer reads it.
    private static func followed(_ body: ResponseBody, _ life: RequestLife) -> ResponseBody {
        ResponseBody { writer in
            do {
                try await body.write(writer)
            } catch {
                life.noteDisconnect()
                life.ended()
                throw error
            }
            life.ended()
        }
    }
}

/// The parts of a request that its line in the log and its metrics need.
private struct Exchange: Sendable {
    let head: HTTPRequest
    /// The pattern of the path that serves the request, once it is known.
    let endpoint: EndpointPath
    let arrived: ContinuousClock.Instant
    let logger: Logger

    /// The max Unicode scalars of a path in the log. A client chooses the path.
    private static let longestPath = 200
    private static let methods: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .patch, .delete, .options]

    func report(_ facts: RequestLife.Facts, _ routes: RouteTable, _ metrics: MetricsRegistry) {
        let end = facts.end ?? (facts.status ?? 400 >= 400 ? .error : .noAnswer)
        let api = routes.api(of: head).rawValue
        metrics.count(
            ServerMetrics.requestCount,
            [
                "method": Self.methods.contains(head.method) ? head.method.rawValue : "other", "route": route, "api": api,
                "model": facts.model ?? ServerMetrics.unknownModel, "status": facts.status.map { "\($0 / 100)xx" } ?? "none",
                "end": end.rawValue,
            ])
        logger.info("request completed", metadata: metadata(facts, end, api))
    }

    /// The pattern of the path; `unmatched` for a request that no route serves.
    private var route: String {
        guard let pattern = endpoint.value, pattern.hasPrefix("/") else { return "unmatched" }
        return pattern.hasSuffix("**") ? pattern.dropLast(2) + "{model}" : pattern
    }

    private func metadata(_ facts: RequestLife.Facts, _ end: RequestEnd, _ api: String) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "method": "\(head.method.rawValue.prefix(16))", "path": "\(path)", "api": "\(api)", "end": "\(end.rawValue)",
            "owner": facts.keyOwner == nil ? "address" : "key", "stream": .stringConvertible(facts.isStreamed),
        ]
        if let status = facts.status { metadata["status"] = .stringConvertible(status) }
        // The first digits of the key's hash tell keys apart.
        if let owner = facts.keyOwner { metadata["key"] = "\(owner.prefix(12))" }
        if let model = facts.model { metadata["model"] = "\(model)" }
        if let tokens = facts.promptTokens { metadata["prompt_tokens"] = .stringConvertible(tokens) }
        if let tokens = facts.cachedTokens { metadata["cached_tokens"] = .stringConvertible(tokens) }
        if let tokens = facts.completionTokens { metadata["completion_tokens"] = .stringConvertible(tokens) }
        metadata.note(queue: facts.begun, first: facts.firstPart, end: .now, since: arrived)
        return metadata
    }

    /// The path without its query, which can contain anything.
    private var path: Substring { Substring((head.path ?? "").unicodeScalars.prefix { $0 != "?" }.prefix(Self.longestPath)) }
}
