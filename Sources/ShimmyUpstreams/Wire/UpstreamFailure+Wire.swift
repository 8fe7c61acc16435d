import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ShimmyChat
import ShimmyHTTP
import ShimmyJSON

extension UpstreamFailure {
    /// Makes the failure for an error of the HTTP client.
    /// - hasHead: whether the upstream had begun to answer.
    init(_ upstream: String, _ error: any Error, hasHead: Bool) {
        if let failure = error as? UpstreamFailure {
            self = failure
        } else if let error = error as? HTTPParserError, error != .invalidEOFState {
            self.init(upstream, .unreadable, "its answer is not HTTP/1.1; check its address and whether it wants https")
        } else if hasHead {
            self.init(upstream, .interrupted, "the connection was lost before the end of the answer")
        } else {
            let (reason, message) = Self.reason(error)
            self.init(upstream, reason, message)
        }
    }

    private static func reason(_ error: any Error) -> (Reason, String) {
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .remoteConnectionClosed: return (.interrupted, "it closed the connection without an answer")
            case .readTimeout, .writeTimeout, .deadlineExceeded: return (.timedOut, "it did not answer within the time limit")
            case .connectTimeout, .getConnectionFromPoolTimeout: return (.unreachable, "no connection could be made within the time limit")
            case .tlsHandshakeTimeout: return (.unreachable, "the TLS handshake took too long")
            default: return (.unreachable, error.shortDescription)
            }
        case is NIOSSLExtraError: return (.unreachable, "its certificate is not valid for its name")
        case is NIOSSLError: return (.unreachable, "the TLS handshake failed; if its certificate is not from a public authority, name it in 'tls_ca'")
        case let error as NIOConnectionError:
            let codes = error.connectionErrors.map(\.error).compactMap { ($0 as? IOError)?.errnoCode }
            // No attempt to connect means that the name has no address.
            if error.connectionErrors.isEmpty { return (.unreachable, "the host name \(error.host.prefix(200)) cannot be resolved") }
            if codes.isEmpty { return (.unreachable, "no connection could be made within the time limit") }
            return (.unreachable, Self.reason(codes))
        case let error as IOError where error.errnoCode == ECONNRESET || error.errnoCode == EPIPE:
            return (.interrupted, "it closed the connection without an answer")
        case let error as IOError: return (.unreachable, Self.reason([error.errnoCode]))
        case is HTTPParserError: return (.interrupted, "it closed the connection within the head of its answer")
        default: return (.unreachable, "no connection could be made")
        }
    }

    private static func reason(_ codes: [CInt]) -> String {
        if codes.contains(ENOENT) { return "the socket does not exist" }
        if codes.contains(ENETUNREACH) || codes.contains(EHOSTUNREACH) { return "the host cannot be reached" }
        if codes.contains(ETIMEDOUT) { return "no connection could be made within the time limit" }
        return "the connection is refused"
    }

    /// Makes the failure for a response with an error status.
    /// - key: the key that must not be in the message.
    init(_ upstream: String, status: Int, _ headers: HTTPHeaders, body: [UInt8], key: String?) {
        let json = try? JSON.parse(body, limits: JSONLimits(depth: UpstreamLimits.jsonDepth, bytes: UpstreamLimits.errorBytes))
        let error = UpstreamError(json, text: body, key: key)
        let said = error.message.map { ": \($0)" } ?? ""
        switch status {
        case 401, 403: self.init(upstream, .unauthorized, "it does not accept the key of its configuration (status \(status))")
        case 408, 504: self.init(upstream, .timedOut, "it answered with status \(status)\(said)")
        case 429, 503, 529:
            let reason = Reason.busy(status: status == 429 ? 429 : 503, retryAfter: Self.secondsToWait(headers))
            self.init(upstream, reason, "it is busy (status \(status))\(said)")
        case 400..<500:
            self.init(
                upstream, .refused(status: status, param: error.param, code: error.code),
                error.message ?? "the upstream server '\(upstream)' answered with status \(status)")
        case 500..<600: self.init(upstream, .failed(status: status), "it answered with status \(status)\(said)")
        default: self.init(upstream, .unreadable, "it answered with status \(status), which is not expected; check its address")
        }
    }

    /// Returns the bounded seconds of `Retry-After`; nil if there is none.
    private static func secondsToWait(_ headers: HTTPHeaders) -> Int? {
        guard let text = headers.first(name: "retry-after")?.prefix(100) else { return nil }
        // A fraction is not allowed, but some servers send it.
        if let fraction = Double(text.filter { $0 != " " }) {
            return fraction >= 0 ? Int(min(fraction.rounded(.up), Double(UpstreamLimits.retrySeconds))) : nil
        }
        let seconds = RetryAfter.seconds(String(text), now: Int(Date().timeIntervalSince1970))
        return seconds.map { min($0, UpstreamLimits.retrySeconds) }
    }
}
