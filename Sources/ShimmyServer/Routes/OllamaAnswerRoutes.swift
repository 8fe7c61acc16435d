import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// The routes of Ollama's API that use a model: `POST /api/chat`, `/api/generate`, `/api/embed` and `/api/embeddings`.
struct OllamaAnswerRoutes: Sendable {
    let service: InferenceService
    let responder: AnswerResponder
    /// Returns the context length that a model would get when loaded, from its file's metadata.
    let contextLength: @Sendable (ModelRecord) -> Int?
    private let body: RequestReader
    private let reader: PresetReader

    /// - body: a reader of bodies; those of Ollama's clients may have any content type.
    init(
        service: InferenceService, body: RequestReader, responder: AnswerResponder, contextLength: @escaping @Sendable (ModelRecord) -> Int?
    ) {
        self.service = service
        self.responder = responder
        self.contextLength = contextLength
        self.body = body.ofAnyType
        reader = PresetReader(body: body.ofAnyType, service: service)
    }

    var routes: [Route] {
        [
            Route(.post, "/api/chat", .load, api: .ollama) { try await answer($0, $1) { try OllamaRequest(chat: $0, preset: $1) } },
            Route(.post, "/api/generate", .load, api: .ollama) { try await answer($0, $1) { try OllamaRequest(generate: $0, preset: $1) } },
            Route(.post, "/api/embed", .load, api: .ollama) { try await embed($0, $1) { try OllamaEmbedRequest(embed: $0) } },
            Route(.post, "/api/embeddings", .load, api: .ollama) { try await embed($0, $1) { try OllamaEmbedRequest(embeddings: $0) } },
        ]
    }

    private func answer(
        _ request: Request, _ context: ShimmyRequestContext, decode: @escaping @Sendable (JSON, RequestPreset) throws -> OllamaRequest
    ) async throws -> Response {
        let reading = try await reader.read(request, context, fallbacks: { OllamaRequest.sampling(recommended: $0.sampling) }) { json, preset in
            let decoded = try decode(json, preset)
            return PresetRequest(value: decoded, preset: preset, forced: decoded.forced)
        }
        guard case .load = reading.value.work else {
            return try await responder.respond(to: try await service.acceptOllama(reading, planned: contextLength, context.caller), context)
        }
        let decoded = reading.value
        // Such a request frees the model for all clients.
        if decoded.keepAlive == .seconds(0) { try context.check(.admin) }
        let answer = try await service.loadOllama(decoded, planned: contextLength, context.caller) {
            try await context.acquire(decoded.model, for: .chat, from: service, keepAlive: decoded.keepAlive, onlyLoads: true)
        }
        var response = Response.json(answer.json)
        response.reportIgnored(answer.ignored)
        return response
    }

    private func embed(
        _ request: Request, _ context: ShimmyRequestContext, decode: @escaping @Sendable (JSON) throws -> OllamaEmbedRequest
    ) async throws -> Response {
        let decoded = try await body.read(request, context, decode: decode)
        // Such a request frees the model for all clients.
        if decoded.embedding.inputs.isEmpty, decoded.keepAlive == .seconds(0) { try context.check(.admin) }
        let answer = try await context.untilDisconnected { [service, caller = context.caller] in try await service.embedOllama(decoded, caller) }
        var response = Response.json(answer)
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }
}
