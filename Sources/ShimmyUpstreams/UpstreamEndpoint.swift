import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
import ShimmyChat
import ShimmyClient
import ShimmyCore
import ShimmyJSON

/// An upstream server, ready to be called. It knows nothing of other upstreams: `UpstreamFleet` chooses among them.
///
/// All functions throw `UpstreamFailure` or `CancellationError`. A cancelled task closes the request at the upstream.
package struct UpstreamEndpoint: Sendable {
    package let settings: UpstreamSettings
    package let kind: UpstreamKind
    let client: UpstreamClient
    /// The dialect of requests for answers to conversations.
    package var dialect: UpstreamDialect { settings.dialect(for: kind) }

    package init(_ settings: UpstreamSettings, kind: UpstreamKind, client: UpstreamClient) {
        self.settings = settings
        self.kind = kind
        self.client = client
    }

    // MARK: Failures

    func failure(_ reason: UpstreamFailure.Reason, _ message: String) -> UpstreamFailure { UpstreamFailure(settings.name, reason, message) }

    func unsupported(_ field: String) -> UpstreamFailure { .unsupported(settings.name, field: field, kind) }

    // MARK: Requests

    var answerTimes: Exchange.Times { Exchange.Times(first: settings.firstByteSeconds, idle: settings.idleSeconds, total: nil) }

    /// Returns the time limits of a request whose response is read as a whole.
    func times(total: Double) -> Exchange.Times { Exchange.Times(first: total, idle: settings.idleSeconds, total: total) }

    /// Starts requests whose responses are read together.
    func start(_ requests: [HTTPClientRequest], _ times: Exchange.Times) throws -> ExchangeGroup {
        ExchangeGroup(requests, try client.http(connectSeconds: settings.connectSeconds), upstream: settings.name, times)
    }

    /// Makes a request.
    /// - body: the JSON to post; nil for a GET request.
    func request(_ path: String, _ body: [UInt8]? = nil, context: UpstreamContext = UpstreamContext()) throws -> HTTPClientRequest {
        guard let address = ServerAddress(settings.url, defaultPort: 80) else {
            throw failure(.unreachable, "'\(settings.url.shortened(to: 200))' is not an address")
        }
        var request = HTTPClientRequest(url: address.requestURL + path)
        if address.socket != nil { request.headers.add(name: "host", value: "localhost") }
        request.headers.add(name: "user-agent", value: "shimmy")
        request.headers.add(name: "accept-encoding", value: "identity")
        if kind == .anthropic || path == "/v1/messages" { request.headers.add(name: "anthropic-version", value: "2023-06-01") }
        if let key = settings.key {
            if kind == .anthropic {
                request.headers.add(name: "x-api-key", value: key)
            } else {
                request.headers.add(name: "authorization", value: "Bearer \(key)")
            }
        }
        if let hops = context.hops { request.headers.add(name: UpstreamContext.hopHeader, value: hops) }
        if let id = context.requestID {
            request.headers.add(name: UpstreamContext.requestIDHeader, value: kind.takesRequestIDs ? id : RequestUUID.of(id))
        }
        for header in context.traceHeaders { request.headers.add(name: header.name, value: header.value) }
        for header in settings.headers { request.headers.replaceOrAdd(name: header.name, value: header.value) }
        if let certificates = settings.certificates {
            var trust = TLSConfiguration.makeClientConfiguration()
            trust.trustRoots = .file(certificates)
            request.tlsConfiguration = trust
        }
        guard let body else { return request }
        request.method = .POST
        request.headers.replaceOrAdd(name: "content-type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: body))
        return request
    }

    // MARK: Whole responses

    /// Sends a request and returns the response as JSON. Throws for each status except 200.
    func json(
        _ path: String, _ body: JSON? = nil, context: UpstreamContext = UpstreamContext(), within seconds: Double? = nil
    ) async throws -> JSON {
        let bytes = try await bytes(path, body, context: context, within: seconds)
        do {
            return try await WireJSON.parse(bytes)
        } catch is JSONError {
            throw failure(.unreadable, "its answer to \(path.shortened(to: 200)) is not JSON")
        }
    }

    /// Sends a request and returns the bytes of the response. Throws for each status except 200.
    func bytes(
        _ path: String, _ body: JSON? = nil, context: UpstreamContext = UpstreamContext(), within seconds: Double? = nil
    ) async throws -> [UInt8] {
        var sent: [UInt8]?
        if let body { sent = try await WireJSON.serialized(body) }
        let group = try start([try request(path, sent, context: context)], times(total: seconds ?? settings.shortSeconds))
        defer { group.cancel() }
        let response = try await WholeResponse.read(0, of: group, upstream: settings.name)
        guard response.status == 200 else {
            throw UpstreamFailure(settings.name, status: response.status, response.headers, body: response.body, key: settings.key)
        }
        return response.body
    }
}

extension UpstreamFailure {
    static func unsupported(_ upstream: String, field: String, _ kind: UpstreamKind) -> UpstreamFailure {
        UpstreamFailure(upstream, .unsupported(field: field), "upstreams of the kind '\(kind.rawValue)' do not support '\(field)'")
    }
}
