import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// `POST /v1/decisions`, `POST /v1/systemone` with the same questions in System One's form, and `POST /v1/moderations`.
struct DecisionRoutes: Sendable {
    let service: InferenceService
    let body: RequestReader

    var routes: [Route] {
        [
            Route(.post, "/decisions", .load) { try await decide($0, $1) { try DecisionsRequest($0) } },
            Route(own: .post, "/systemone", .load) { try await decide($0, $1) { try DecisionsRequest(systemOne: $0) } },
            Route(.post, "/moderations", .load, handler: moderate),
        ]
    }

    private func decide(
        _ request: Request, _ context: ShimmyRequestContext, decode: @escaping @Sendable (JSON) throws -> DecisionsRequest
    ) async throws -> Response {
        let decoded = try await body.read(request, context, decode: decode)
        let result = try await context.untilDisconnected { [service, caller = context.caller] in try await service.decide(decoded, caller) }
        var response = Response.json(decoded.response(result))
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }

    @Sendable private func moderate(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try ModerationsRequest($0) }
        let result = try await context.untilDisconnected { [service, caller = context.caller] in try await service.moderate(decoded, caller) }
        var response = Response.json(decoded.response(result.scores, model: result.model.id))
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }
}
