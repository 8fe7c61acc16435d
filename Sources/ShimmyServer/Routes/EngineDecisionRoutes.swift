import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyService

/// `POST /v1/engine/decisions`, which a server sends to the process that runs its model. Only such a process has the route.
struct EngineDecisionRoutes: Sendable {
    let service: InferenceService
    let body: RequestReader

    var routes: [Route] { [Route(own: .post, "/engine/decisions", .load, handler: decide)] }

    @Sendable private func decide(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try EngineDecisionRequest($0) }
        let outcome = try await context.untilDisconnected { [service, caller = context.caller] in try await service.decide(decoded, caller) }
        return Response.json(outcome.json)
    }
}
