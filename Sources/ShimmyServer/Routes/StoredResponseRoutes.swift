import Hummingbird
import ShimmyAPI
import ShimmyJSON
import ShimmyService
import ShimmyStorage

/// Stored responses: get, stream, cancel, delete, and list their input items.
struct StoredResponseRoutes: Sendable {
    let service: InferenceService
    let responder: AnswerResponder

    var routes: [Route] {
        [
            Route(.get, "/responses/{response_id}", .read, handler: get),
            Route(.delete, "/responses/{response_id}", .write, handler: delete),
            Route(.post, "/responses/{response_id}/cancel", .write, handler: cancel),
            Route(.get, "/responses/{response_id}/input_items", .read, handler: inputItems),
        ]
    }

    @Sendable private func get(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let query = request.query
        let streams = try query.bool("stream") ?? false
        let number = try query.integer("starting_after", in: 0...Int.max) ?? -1
        // Only checks the value: the server always returns all stored data of a response.
        _ = try query.bool("include_obfuscation")
        if !streams { return .json(try await service.response(Self.id(context), context.caller).object) }
        return responder.stream(try await service.events(of: Self.id(context), after: number, context.caller), .named, context)
    }

    @Sendable private func delete(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let id = Self.id(context)
        try await service.deleteResponse(id, context.caller)
        return .json(["id": .string(id), "object": "response", "deleted": true])
    }

    @Sendable private func cancel(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        .json(try await service.cancelResponse(Self.id(context), context.caller).object)
    }

    @Sendable private func inputItems(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let (page, includes) = (try request.query.page(lists: ["include"]), try ItemIncludes(request.query))
        let id = try await service.response(Self.id(context), context.caller).id
        guard let items = try await service.store.required().items(of: id, .response, owner: context.storageOwner, page: page) else {
            throw APIError.notFound("Response", id)
        }
        return .json(ListEncoder.list(items.data.map { includes.shown($0.json) }, hasMore: items.hasMore))
    }

    private static func id(_ context: ShimmyRequestContext) -> String { context.parameters.get("response_id") ?? "" }
}
