import Hummingbird
import ShimmyAPI
import ShimmyJSON
import ShimmyService

/// `POST /v1/responses`: makes responses, in the foreground or in the background.
struct ResponseRoutes: Sendable {
    let service: InferenceService
    let reader: PresetReader
    let responder: AnswerResponder

    var routes: [Route] { [Route(.post, "/responses", .load, handler: create)] }

    @Sendable private func create(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(
            request, context, for: Compatibility.createResponse,
            decoding: { json, media in
                let decoded = try ResponseRequest(json, media: media)
                return (request: decoded, body: decoded.isBackground ? json : JSON.null)
            })
        let order = try await service.acceptResponse(reading.map(\.request), body: reading.value.body, context.caller)
        return try await responder.respond(to: order, context)
    }
}
