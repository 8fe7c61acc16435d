import ShimmyAPI
import ShimmyAccounts
package import ShimmyChat
import ShimmyModels

extension InferenceService {
    /// Sends a request for media to an upstream server that has its model. Returns when the head of the answer has arrived. The request counts with
    /// the tokens that the answer reports.
    package func forward(_ request: MediaRequest, _ caller: Caller) async throws -> ForwardedMedia {
        let name = try request.modelName()
        let caller = try charged(caller, request.endpoint.usage, WorkEstimate(bytes: 0, output: 0))
        return try await caller.charge.during {
            let record = try await models.findUsable(name)
            caller.request?.note(model: record.id)
            caller.charge?.note(model: record.id)
            guard record.upstream != nil else { throw APIError.notOfThisServer(record.id, request.endpoint) }
            let lease = try await models.acquire(record)
            guard let forwarder = lease.backend.forwarder else { throw APIError.notOfThisServer(record.id, request.endpoint) }
            let answer = try await forwarder.forward(request, terms: caller.terms())
            caller.request?.note(model: record.id, isStreamed: answer.form != .whole)
            return ForwardedMedia(answer, caller)
        }
    }
}

extension MediaRequest.Endpoint {
    fileprivate var usage: UsageEndpoint {
        switch self {
        case .speech: .speech
        case .transcriptions: .transcriptions
        case .translations: .translations
        case .imageGenerations: .imageGenerations
        case .imageEdits: .imageEdits
        case .imageVariations: .imageVariations
        }
    }
}

extension APIError {
    fileprivate static func notOfThisServer(_ model: String, _ endpoint: MediaRequest.Endpoint) -> APIError {
        APIError(
            status: 400,
            message: "The model '\(model)' runs on this server, which has no models for POST \(endpoint.rawValue). Name a model of an upstream "
                + "server; docs/fleet.md describes how to add one.", param: "model", code: "model_not_usable")
    }
}
