import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyUpstreams

extension HTTPField.Name {
    static let requestID = Self("x-request-id")!
    static let traceparent = Self("traceparent")!
    static let tracestate = Self("tracestate")!
    static let ignoredParameters = Self("x-shimmy-ignored-params")!
    static let forcedParameters = Self("x-shimmy-forced-params")!
    static let normalized = Self("x-shimmy-normalized")!
    static let clampedTokens = Self("x-shimmy-clamped-tokens")!
    static let unenforced = Self("x-shimmy-unenforced")!
    static let droppedItems = Self("x-shimmy-dropped-items")!
    static let notStored = Self("x-shimmy-not-stored")!
    /// The upstream server that made the answer.
    static let upstream = Self("x-shimmy-upstream")!
    /// The parts of an upstream server's answer without the requested form, and the origin of token counts that it does not report.
    static let unfit = Self("x-shimmy-unfit")!
    static let usage = Self("x-shimmy-usage")!
    /// The servers that a request has passed.
    static let hops = Self(UpstreamContext.hopHeader)!
    /// The headers that report how an answer deviates from its request.
    static let reports = [
        ignoredParameters, forcedParameters, normalized, clampedTokens, unenforced, droppedItems, notStored, upstream, unfit, usage,
    ]
    /// The headers about the limits of a key.
    static let rateLimits = RateLimitHeaders.names.compactMap { Self($0) }
    static let accelBuffering = Self("x-accel-buffering")!
    static let retryAfterName = Self("retry-after")!
    static let apiKey = Self("api-key")!
    static let anthropicVersion = Self("anthropic-version")!
    static let anthropicRequestID = Self("request-id")!
    static let xAPIKey = Self("x-api-key")!
    static let secFetchSite = Self("sec-fetch-site")!
    static let privateNetworkRequest = Self("access-control-request-private-network")!
    static let privateNetworkAllow = Self("access-control-allow-private-network")!
}

extension Response {
    /// Returns the headers of a stream. `x-accel-buffering: no` asks proxies not to buffer it.
    static func streamHeaders(_ framing: StreamFraming) -> HTTPFields {
        [.contentType: framing.contentType, .cacheControl: "no-cache", .accelBuffering: "no", .connection: "keep-alive"]
    }

    static func json(_ json: JSON, status: HTTPResponse.Status = .ok) -> Response {
        let bytes = json.serialized()
        return Response(
            status: status, headers: [.contentType: "application/json", .contentLength: "\(bytes.count)"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// Adds request fields that had no effect to the header that lists them.
    mutating func reportIgnored(_ fields: ReportedNames) {
        let names = [fields.header, headers[.ignoredParameters]].compactMap { $0 }
        if !names.isEmpty { headers[.ignoredParameters] = names.joined(separator: ", ") }
    }

    /// Adds the header that lists the request fields whose values the model's preset replaced.
    mutating func reportForced(_ fields: [String]) {
        if !fields.isEmpty { headers[.forcedParameters] = fields.map(ReportedNames.visible).joined(separator: ", ") }
    }

    /// Adds the headers that report how the answer deviates from the request.
    mutating func report(_ report: AnswerReport) {
        if !report.normalizations.isEmpty { headers[.normalized] = report.normalizations.joined(separator: ", ") }
        if !report.withoutEffect.isEmpty { headers[.ignoredParameters] = report.withoutEffect.map(ReportedNames.visible).joined(separator: ", ") }
        if let tokens = [report.clampedTokens, report.limitedTokens].compactMap({ $0 }).min() { headers[.clampedTokens] = "\(tokens)" }
        if let upstream = report.upstream { headers[.upstream] = ReportedNames.visible(upstream) }
        if !report.unfit.isEmpty { headers[.unfit] = report.unfit.map(ReportedNames.visible).joined(separator: ", ") }
        if report.usage != .reported { headers[.usage] = report.usage.rawValue }
        var keywords = ReportedNames(nameLength: InputLimits.standard.reportedPointerLength)
        for keyword in report.unenforced { keywords.append(keyword) }
        if let names = keywords.header { headers[.unenforced] = names }
    }

    /// - requestID: the id of the request, which the errors of some APIs contain.
    static func error(_ error: APIError, in api: API, requestID: String) -> Response {
        let form = api.errors
        var response = json(form.body(of: error, requestID: requestID), status: .init(code: form.status(of: error)))
        if let seconds = error.retryAfter { response.headers[.retryAfterName] = "\(seconds)" }
        // RFC 9110, section 11.6.1: a 401 names the scheme.
        if error.status == 401 { response.headers[.wwwAuthenticate] = "Bearer" }
        return response
    }
}
