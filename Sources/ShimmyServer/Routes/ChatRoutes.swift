import Hummingbird
import ShimmyAPI
import ShimmyService

/// `POST /v1/chat/completions` and its predecessor, `POST /v1/completions`.
struct ChatRoutes: Sendable {
    let service: InferenceService
    let reader: PresetReader
    let responder: AnswerResponder

    var routes: [Route] {
        [
            Route(.post, "/chat/completions", .load, handler: chat),
            Route(.post, "/completions", .load, handler: complete),
        ]
    }

    @Sendable private func chat(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(
            request, context, for: Compatibility.chatCompletions, decoding: { try ChatCompletionRequest($0, media: $1) })
        return try await responder.respond(to: try await service.acceptChat(reading, context.caller), context)
    }

    @Sendable private func complete(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, for: Compatibility.completions) { try CompletionRequest($0) }
        return try await responder.respond(to: service.acceptCompletion(reading, context.caller), context)
    }
}
