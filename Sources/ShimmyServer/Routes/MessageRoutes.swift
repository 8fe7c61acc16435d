import Hummingbird
import ShimmyAPI
import ShimmyJSON
import ShimmyService

/// `POST /v1/messages` and `POST /v1/messages/count_tokens`, of Anthropic's API.
struct MessageRoutes: Sendable {
    let service: InferenceService
    let reader: PresetReader
    let responder: AnswerResponder

    var routes: [Route] {
        [
            Route(.post, "/messages", .load, api: .anthropic, handler: answer),
            Route(.post, "/messages/count_tokens", .load, api: .anthropic, handler: count),
        ]
    }

    @Sendable private func answer(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, translate: { try MessageTranslation.answer($0, media: $1) })
        return try await responder.respond(to: service.acceptMessage(reading, requestID: context.requestID, context.caller), context)
    }

    @Sendable private func count(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, translate: { try MessageTranslation.count($0, media: $1) })
        let tokens = try await context.untilDisconnected { [service, caller = context.caller] in try await service.countMessage(reading, caller) }
        var response = Response.json(["input_tokens": .int(tokens)])
        response.reportIgnored(reading.value.ignoredParameters)
        response.reportForced(reading.forced)
        return response
    }
}
