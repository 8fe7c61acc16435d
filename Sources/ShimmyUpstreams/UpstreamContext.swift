/// The parts of a client's request that an upstream receives beside the request itself.
package struct UpstreamContext: Sendable, Equatable {
    /// The name of the header that lists the servers a request has passed.
    package static let hopHeader = "x-shimmy-hops"
    package static let requestIDHeader = "x-request-id"

    /// The user, for the field `user`; nil for none.
    package var user: String?
    /// The value of the hop header; nil for none.
    package var hops: String?
    package var requestID: String?
    /// Headers of the trace, such as `traceparent`.
    package var traceHeaders: [UpstreamSettings.Header]

    package init(user: String? = nil, hops: String? = nil, requestID: String? = nil, traceHeaders: [UpstreamSettings.Header] = []) {
        self.user = user
        self.hops = hops
        self.requestID = requestID
        self.traceHeaders = traceHeaders
    }
}
