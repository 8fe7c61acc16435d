import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ShimmyCore
import ShimmyHTTP
package import ShimmyJSON

/// A client of a server. Its methods throw `ClientError`. Cancelling the task cancels the request, and with it the server's work on it.
package struct ServerClient: Sendable {
    package let address: ServerAddress
    private let key: String?
    private let http: HTTPClient
    private static let longestAnswer = 64 << 20

    /// Runs `body` with a client, whose connections are closed when `body` ends.
    /// - encryption: the certificates for TLS; nil for the system's.
    package static func with<Result>(
        _ address: ServerAddress, key: String?, encryption: ClientEncryption? = nil, _ body: (ServerClient) async throws -> Result
    ) async throws -> Result {
        var configuration = HTTPClient.Configuration.guarded()
        configuration.timeout = .init(connect: .seconds(5))
        configuration.redirectConfiguration = .disallow
        // A refused connection is final: do not retry it.
        configuration.connectionPool.retryConnectionEstablishment = false
        if let encryption { configuration.tlsConfiguration = try encryption.configuration() }
        // The system's TLS on macOS knows no additional certificates.
        let http = HTTPClient(eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
        do {
            let result = try await body(ServerClient(address: address, key: key, http: http))
            try await http.shutdown()
            return result
        } catch {
            try? await http.shutdown()
            throw error
        }
    }

    private init(address: ServerAddress, key: String?, http: HTTPClient) {
        self.address = address
        self.key = key
        self.http = http
    }

    package func get(_ path: String, within seconds: Double = 30) async throws -> JSON { try await ask(request(path), within: seconds) }

    package func post(_ path: String, _ body: JSON) async throws -> JSON { try await ask(request(path, body), within: nil) }

    /// Returns whether a server answers. The timeout is short, because callers can do without a server.
    package func isThere(within seconds: Double = 0.5) async -> Bool {
        do {
            _ = try await get("/v1/health", within: seconds)
            return true
        } catch ClientError.refused(let status, _, _) {
            // Another program, such as Ollama, does not have the route.
            return status != 404
        } catch {
            return false
        }
    }

    /// Sends a request and passes each event of the streamed response to `receive` as JSON, up to `[DONE]`. If `receive` throws a
    /// `CancellationError`, the stream ends with it.
    /// - body: the body of a POST request; nil for a GET request.
    /// - comment: receives the text of the stream's comments, except keep-alive pings.
    package func stream(
        _ path: String, _ body: JSON?, comment: (String) -> Void = { _ in }, _ receive: (JSON) async throws -> Void
    ) async throws {
        let response = try await execute(request(path, body), within: nil)
        guard response.status == .ok else { throw ClientError(status: Int(response.status.code), body: try await Self.json(response)) }
        var reader = ServerSentEventReader()
        do {
            for try await part in response.body {
                for event in try reader.push(part.readableBytesView) {
                    guard case .data(let data) = event else {
                        if case .comment(let text) = event, text != "ping" { comment(text) }
                        continue
                    }
                    if data == Array("[DONE]".utf8) { return }
                    guard let event = try? JSON.parse(data) else { throw ClientError.unreadable("an event is not JSON") }
                    if let error = ClientError(reportedBy: event) { throw error }
                    try await receive(event)
                }
            }
        } catch let error as ServerSentEventReader.TooLong {
            throw ClientError.unreadable("an event is longer than \(error.bytes) bytes")
        } catch let error as HTTPClientError where error == .cancelled {
            throw CancellationError()
        } catch let error where !(error is ClientError || error is CancellationError) {
            throw ClientError.unreachable("\(address)", reason: "the connection was lost")
        }
    }

    // MARK: HTTP

    private func request(_ path: String, _ body: JSON? = nil) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: "\(address.requestURL)\(path)")
        if address.socket != nil { request.headers.add(name: "host", value: "localhost") }
        request.headers.add(name: "user-agent", value: "shimmy")
        if let key { request.headers.add(name: "authorization", value: "Bearer \(key)") }
        guard let body else { return request }
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: body.serialized()))
        return request
    }

    private func ask(_ request: HTTPClientRequest, within seconds: Double?) async throws -> JSON {
        let response = try await execute(request, within: seconds)
        let body = try await Self.json(response)
        guard response.status == .ok else { throw ClientError(status: Int(response.status.code), body: body) }
        guard let body else { throw ClientError.unreadable("it is not JSON") }
        return body
    }

    private func execute(_ request: HTTPClientRequest, within seconds: Double?) async throws -> HTTPClientResponse {
        let deadline = seconds.map { NIODeadline.now() + .milliseconds(Int64($0 * 1000)) } ?? .distantFuture
        do {
            return try await http.execute(request, deadline: deadline)
        } catch let error as HTTPClientError where error == .cancelled {
            throw CancellationError()
        } catch let error as HTTPClientError where error == .remoteConnectionClosed {
            throw ClientError.closed("\(address)", encrypted: address.encrypted)
        } catch let error as HTTPClientError {
            throw ClientError.unreachable("\(address)", reason: error.shortDescription)
        } catch let error as IOError where error.errnoCode == ECONNRESET {
            throw ClientError.closed("\(address)", encrypted: address.encrypted)
        } catch let error where !(error is CancellationError) {
            throw ClientError.unreachable("\(address)", reason: reason(error))
        }
    }

    /// Returns why no connection could be established.
    private func reason(_ error: any Error) -> String {
        if error is NIOSSLExtraError { return "its certificate is not valid for the name \(address.host)" }
        if let refusal = ClientEncryption.refusal(error) { return refusal }
        if error is NIOSSLError { return "the TLS handshake failed; if its certificate is not from a public authority, pass it with --tls-ca" }
        if let socket = address.socket, !FileManager.default.fileExists(atPath: socket) { return "the socket does not exist" }
        let failures = (error as? NIOConnectionError).map { $0.connectionErrors.map(\.error) } ?? [error]
        // No attempt to connect means that the name has no address.
        if failures.isEmpty { return "the host name \(address.host) cannot be resolved; check its spelling and the DNS" }
        let codes = failures.compactMap { ($0 as? IOError)?.errnoCode }
        if codes.contains(ENETUNREACH) || codes.contains(EHOSTUNREACH) { return "the host cannot be reached" }
        return "the connection is refused"
    }

    /// Returns the body of a response; nil if it is not JSON.
    private static func json(_ response: HTTPClientResponse) async throws -> JSON? {
        guard let body = try? await response.body.collect(upTo: longestAnswer) else { throw ClientError.unreadable("it ended too early") }
        return try? JSON.parse(Array(body.readableBytesView))
    }
}

extension ServerClient {
    /// Returns a name percent-encoded for use in a path.
    package static func encoded(_ name: String) -> String { PercentEncoding.encoded(name, except: "-._~/:") }
}
