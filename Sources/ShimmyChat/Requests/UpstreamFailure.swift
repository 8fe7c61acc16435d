/// The reason why no upstream server could serve a request, or why its answer ended early.
package struct UpstreamFailure: Error, Equatable, CustomStringConvertible {
    package enum Reason: Sendable, Equatable {
        /// The upstream found a mistake in the request. `status` is its 4xx status; `param` and `code` are those of its error, if it named any.
        case refused(status: Int, param: String?, code: String?)
        /// The upstream does not accept the key of the configuration.
        case unauthorized
        /// The upstream does not take the request now. `status` is 429 for a limit of the client's requests, and 503 for an upstream without room;
        /// `retryAfter` is in seconds.
        case busy(status: Int, retryAfter: Int?)
        /// No connection could be made.
        case unreachable
        /// The upstream sent nothing for the time that its settings allow.
        case timedOut
        /// The upstream answered with this 5xx status.
        case failed(status: Int)
        /// The upstream's answer does not follow its API.
        case unreadable
        /// The connection ended in the middle of the answer.
        case interrupted
        /// No replica can serve the request: each with the reason, as a text for display.
        case noReplica([String], retryAfter: Int?)
        /// The upstream does not support a field of the request. `field` is its name in the API.
        case unsupported(field: String)
        /// The request came back to a server that it has passed, or passed too many servers.
        case loop
    }

    /// The name of the upstream; for `noReplica` the name of the model.
    package var upstream: String
    package var reason: Reason
    /// The upstream's own words, or a description of the fault, for display. Bounded, without keys.
    package var message: String

    package init(_ upstream: String, _ reason: Reason, _ message: String) {
        self.upstream = upstream
        self.reason = reason
        self.message = message
    }

    package var description: String { "upstream \(upstream): \(message)" }

    /// Whether the upstream lacks something that the request needs.
    package var isUnsupported: Bool {
        if case .unsupported = reason { true } else { false }
    }

    /// Whether the upstream does not have the model, or not the route. Such a request had no effect.
    package var isAbsent: Bool {
        if case .refused(status: 404, _, _) = reason { true } else { false }
    }

    /// Whether another replica may be asked instead, because this one did nothing for the request.
    package var canFailOver: Bool {
        switch reason {
        case .unauthorized, .busy, .unreachable, .timedOut, .failed, .unreadable, .interrupted: true
        case .refused, .noReplica, .unsupported, .loop: false
        }
    }
}
