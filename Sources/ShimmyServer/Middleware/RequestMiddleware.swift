import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import ShimmyAPI
import ShimmyMetrics
import ShimmyService
import ShimmyTracing

/// Follows each request to its end, then logs it in a line, counts it, exports its trace and adds it to the last requests.
struct RequestMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let routes: RouteTable
    let metrics: MetricsRegistry
    /// Nil if traces are off.
    let tracer: RequestTracer?
    let history: RequestHistory

    @concurrent func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        var context = context
        let trace = tracer?.begin(
            traceparent: request.headers[values: .traceparent], tracestate: request.headers[values: .tracestate], arrived: context.arrived)
        if let trace { context.logger[metadataKey: "trace"] = "\(trace.context.traceID)" }
        let exchange = Exchange(
            head: request.head, scheme: context.scheme ?? request.head.scheme, endpoint: context.coreContext.endpointPath,
            arrived: context.arrived, logger: context.logger, requestID: context.requestID, address: context.address, trace: trace)
        let inspection = exchange.onlyReads ? nil : history.beginInspection()
        let life = RequestLife(inspection: inspection) { [routes, metrics, history] facts in
            exchange.report(facts, routes, metrics)
            exchange.add(facts, inspection, to: history, routes)
        }
        context.life = life
        context.trace = trace
        do {
            let known = context
            var response = try await RequestTrace.with(trace) { try await next(request, known) }
            life.note(status: response.status.code)
            if response.body.contentLength == nil {
                response.body = Self.followed(response.body, life, trace)
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
    private static func followed(_ body: ResponseBody, _ life: RequestLife, _ trace: RequestTrace?) -> ResponseBody {
        ResponseBody { writer in
            do {
                try await RequestTrace.with(trace) { try await body.write(writer) }
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
    let scheme: String?
    /// The pattern of the path that serves the request, once it is known.
    let endpoint: EndpointPath
    let arrived: ContinuousClock.Instant
    let logger: Logger
    let requestID: String
    /// The client's address; nil for the Unix socket.
    let address: String?
    let trace: RequestTrace?

    /// The max Unicode scalars of a path in the log. A client chooses the path.
    private static let longestPath = 200
    private static let unmatched = "unmatched"
    private static let methods: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .patch, .delete, .options]

    private static func end(_ facts: RequestLife.Facts) -> RequestEnd { facts.end ?? (facts.status ?? 400 >= 400 ? .error : .noAnswer) }

    /// Whether the method only reads.
    var onlyReads: Bool { [.get, .head, .options].contains(head.method) }

    /// Adds the request to the last requests. Those that only read would displace others, and so would those of clients without a valid key.
    func add(_ facts: RequestLife.Facts, _ inspection: RequestInspection?, to history: RequestHistory, _ routes: RouteTable) {
        guard onlyReads ? facts.status ?? 0 >= 400 && facts.status != 401 : facts.status != 401 else { return }
        let key = facts.keyOwner.map { facts.keyName ?? String($0.prefix(12)) }
        history.add(
            RequestRecord(
                id: requestID, method: String(head.method.rawValue.prefix(16)), endpoint: route == Self.unmatched ? String(path) : route,
                api: routes.api(of: head), client: .init(key: key, address: address), arrived: arrived, time: Date().timeIntervalSince1970,
                end: Self.end(facts), facts: facts, inspection: inspection))
    }

    func report(_ facts: RequestLife.Facts, _ routes: RouteTable, _ metrics: MetricsRegistry) {
        let end = Self.end(facts)
        let api = routes.api(of: head).rawValue
        metrics.count(
            ServerMetrics.requestCount,
            [
                "method": Self.methods.contains(head.method) ? head.method.rawValue : "other", "route": route, "api": api,
                "model": facts.model ?? ServerMetrics.unknownModel, "status": facts.status.map { "\($0 / 100)xx" } ?? "none",
                "end": end.rawValue,
            ])
        logger.info("request completed", metadata: metadata(facts, end, api))
        endTrace(facts, end, api)
    }

    /// Exports the request's span and those below it. The names of attributes are those of OpenTelemetry's conventions.
    private func endTrace(_ facts: RequestLife.Facts, _ end: RequestEnd, _ api: String) {
        guard let trace else { return }
        let method = Self.methods.contains(head.method) ? head.method.rawValue : "_OTHER"
        let hasRoute = route != Self.unmatched
        let name = (method == "_OTHER" ? "HTTP" : method) + (hasRoute ? " \(route)" : "")
        var attributes = [
            TraceAttribute("http.request.method", method), TraceAttribute("url.path", String(path)),
            TraceAttribute("url.scheme", scheme == "https" ? "https" : "http"), TraceAttribute("shimmy.api", api),
            TraceAttribute("shimmy.end", end.rawValue), TraceAttribute("shimmy.request_id", requestID),
        ]
        if hasRoute { attributes.append(TraceAttribute("http.route", route)) }
        if let status = facts.status { attributes.append(TraceAttribute("http.response.status_code", status)) }
        // A refused request is not a failure of the server.
        let failure = (facts.operation == nil ? nil : facts.errorCode) ?? facts.status.flatMap { $0 >= 500 ? "\($0)" : nil }
        if let failure { attributes.append(TraceAttribute("error.type", failure)) }
        let answer = AnswerSpan(facts)
        trace.end(name, .server, attributes + answer.attributes, isError: failure != nil, phases: answer.phases(since: arrived))
    }

    /// The pattern of the path; `unmatched` for a request that no route serves.
    private var route: String {
        guard let pattern = endpoint.value, pattern.hasPrefix("/") else { return Self.unmatched }
        guard pattern.hasSuffix("**") else { return pattern }
        return pattern.dropLast(2) + (pattern.hasPrefix("/page/") ? "{file}" : "{model}")
    }

    private func metadata(_ facts: RequestLife.Facts, _ end: RequestEnd, _ api: String) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "method": "\(head.method.rawValue.prefix(16))", "path": "\(path)", "api": "\(api)", "end": "\(end.rawValue)",
            "owner": facts.keyOwner == nil ? "address" : "key", "stream": .stringConvertible(facts.isStreamed),
        ]
        if let status = facts.status { metadata["status"] = .stringConvertible(status) }
        // The first digits of a key's hash tell keys without a name apart.
        if let owner = facts.keyOwner { metadata["key"] = "\(facts.keyName ?? String(owner.prefix(12)))" }
        if let model = facts.model { metadata["model"] = "\(model)" }
        if let tokens = facts.promptTokens { metadata["prompt_tokens"] = .stringConvertible(tokens) }
        if let tokens = facts.cachedTokens { metadata["cached_tokens"] = .stringConvertible(tokens) }
        if let tokens = facts.completionTokens { metadata["completion_tokens"] = .stringConvertible(tokens) }
        metadata.note(facts.usageSource, unfit: facts.unfit)
        metadata.note(queue: facts.begun, first: facts.firstPart, end: .now, since: arrived)
        return metadata
    }

    /// The path without its query, which can contain anything.
    private var path: Substring { Substring((head.path ?? "").unicodeScalars.prefix { $0 != "?" }.prefix(Self.longestPath)) }
}
