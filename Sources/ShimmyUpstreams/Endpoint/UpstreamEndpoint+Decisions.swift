package import ShimmyChat
import ShimmyJSON

extension UpstreamEndpoint {
    /// Requests decisions from a process that runs a single model for this server; other servers have no such request. Also throws
    /// `GenerationError.badLabel`.
    package func decide(_ request: DecisionRequest, model: String, context: UpstreamContext) async throws -> DecisionResult {
        if request.conversation.messages.contains(where: { !$0.media.isEmpty }) { throw unsupported("input") }
        var body = request.fields
        body["model"] = .string(model)
        let json = try await json("/v1/engine/decisions", .object(body), context: context, within: settings.firstByteSeconds)
        switch DecisionOutcome(json, of: request) {
        case .result(let result): return result
        case .badLabel(let question, let label, let reason): throw GenerationError.badLabel(question: question, label: label, reason)
        case nil: throw failure(.unreadable, "its decisions are not those of the request")
        }
    }
}
