import ShimmyChat
import ShimmyCore

extension UpstreamContext {
    /// Returns the context of the current task's request, for its prompts and tokens. Throws `.loop` like the requests for answers.
    /// - model: the name of the model, for the message.
    static func current(for model: String) throws(UpstreamFailure) -> UpstreamContext {
        var terms = ServiceTerms()
        terms.hops = HopTrail.current
        return try UpstreamContext(terms, for: model)
    }

    /// Makes the context of a request that this server sends on. Throws `.loop` if the request has passed too many servers, or this one before.
    /// - model: the name of the model, for the message.
    init(_ terms: ServiceTerms, for model: String) throws(UpstreamFailure) {
        if terms.hops.isLoop { throw UpstreamFailure(model, .loop, "it has passed this server before.") }
        if terms.hops.isFull { throw UpstreamFailure(model, .loop, "it has passed \(HopTrail.limit) servers, which is the limit.") }
        let trace = terms.traceparent.map { [UpstreamSettings.Header(name: "traceparent", value: $0)] } ?? []
        self.init(user: terms.user, hops: terms.hops.nextHeader, requestID: terms.requestID, traceHeaders: trace)
    }
}
