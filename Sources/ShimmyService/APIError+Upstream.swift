package import ShimmyAPI
import ShimmyChat
import ShimmyCore

extension APIError {
    /// Maps the failure of an upstream server to the error that the client gets. Its message names the upstream.
    /// - failed: returns the API's error for an error of a model of this server. A prompt that is too long has the same field and code.
    init(_ failure: UpstreamFailure, failed: (GenerationError) -> APIError = { APIError($0) }) {
        let tooLong = failure.isContextExceeded ? failed(.contextExceeded(prompt: 0, requested: nil, context: 0)) : nil
        func server(_ status: Int, _ code: String, retryAfter: Int? = nil) -> APIError {
            APIError(
                status: status, message: "The upstream server '\(failure.upstream)' failed: \(Self.sentence(failure.message))", type: "server_error",
                code: "upstream_\(code)", retryAfter: retryAfter)
        }
        self =
            switch failure.reason {
            case .refused(let status, let param, let code):
                APIError(
                    status: tooLong?.status ?? ((400..<500).contains(status) ? status : 400), message: failure.message,
                    param: tooLong == nil ? param : tooLong?.param, code: tooLong?.code ?? code ?? "upstream_refused")
            case .unauthorized: server(502, "unauthorized")
            case .unreachable: server(502, "unreachable")
            case .failed: server(502, "failed")
            case .unreadable: server(502, "unreadable")
            case .interrupted: server(502, "interrupted")
            case .timedOut: server(504, "timeout")
            case .busy(let status, let retryAfter): Self.busy(failure, status, retryAfter)
            case .noReplica(let reasons, let retryAfter): Self.noReplica(failure.upstream, reasons, retryAfter)
            case .unsupported(let field):
                APIError(
                    status: 400,
                    message: "The request cannot be served by the upstream server '\(failure.upstream)': "
                        + Self.sentence(failure.message), param: field, code: "unsupported_by_upstream")
            case .loop:
                APIError(
                    status: 508, message: "The request loops between servers: \(Self.sentence(failure.message)) Check the upstreams in shimmy.toml.",
                    type: "server_error", code: "upstream_loop")
            }
    }

    /// - reasons: the name and the reason of each replica.
    private static func noReplica(_ model: String, _ reasons: [String], _ retryAfter: Int?) -> APIError {
        var error = APIError(status: 503, message: "", type: "server_error", code: "upstream_unavailable", retryAfter: retryAfter)
        // The list has a limit of its own, since the middle of a message may be the reason that matters.
        error.message = "No upstream server can serve '\(model)': \(list(reasons))"
        return error
    }

    /// - status: 429 if the upstream limits requests; otherwise it has no room.
    /// - retryAfter: the seconds that the upstream asks to wait; nil if it does not say.
    private static func busy(_ failure: UpstreamFailure, _ status: Int, _ retryAfter: Int?) -> APIError {
        let isLimited = status == 429
        return APIError(
            status: isLimited ? 429 : 503, message: "The upstream server '\(failure.upstream)' is busy: \(sentence(failure.message))",
            type: isLimited ? "rate_limit_error" : "server_error", code: "upstream_busy", retryAfter: retryAfter ?? 1)
    }

    private static func sentence(_ text: String) -> String { text.last.map { ".!?".contains($0) } ?? false ? text : text + "." }

    /// The max number of replicas that a message lists.
    private static let mostListed = 200
    /// The Unicode scalars that all reasons share, and the max number of a reason that has more than its share. Even that one has room for a name.
    private static let listLength = 8_000
    private static let shortestReason = 100

    private static func list(_ reasons: [String]) -> String {
        let length = max(shortestReason, listLength / max(1, reasons.count))
        let more = reasons.count > mostListed ? "; and \(reasons.count - mostListed) more" : ""
        return sentence(reasons.prefix(mostListed).map { $0.shortened(to: length) }.joined(separator: "; ") + more)
    }

    /// Returns the error for a request that needs a model of this server, but names one of an upstream server.
    /// - what: what only models of this server have.
    package static func notOfUpstream(_ model: String, _ what: String) -> APIError {
        APIError(
            status: 400, message: "The model '\(model)' is served by an upstream server. Only models of this server have \(what).", param: "model",
            code: "unsupported_by_upstream")
    }
}
