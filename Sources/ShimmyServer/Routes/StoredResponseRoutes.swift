import Hummingbird
import ShimmyAPI
import ShimmyJSON
import ShimmyStorage

/// Stored responses: get, stream, cancel, delete, and list their input items.
struct StoredResponseRoutes: Sendable {
    /// The storage; nil if the server stores nothing.
    let store: Store?
    let background: BackgroundResponses?
    /// The interval of comments in an idle stream.
    let heartbeat: Duration

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
        let (store, id, stored) = try await find(context)
        guard streams else { return .json(stored.object) }
        guard stored.isBackground, let background else {
            throw APIError(
                status: 400, message: "Invalid 'stream': only the events of background responses are stored.", param: "stream", code: "invalid_value")
        }
        return .stream(StoredEventStreams(store: store, background: background, heartbeat: heartbeat).stream(id, after: number, context))
    }

    @Sendable private func delete(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let (store, id, stored) = try await find(context)
        if !stored.status.isFinal { await background?.cancel(id) }
        guard try await store.delete(id, .response, owner: context.storageOwner) else { throw APIError.notFound("Response", id) }
        background?.unkept.forget(id)
        return .json(["id": .string(id), "object": "response", "deleted": true])
    }

    /// Cancels a response. Repeated calls have the same result: a response that has ended stays unchanged.
    @Sendable private func cancel(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let (_, id, stored) = try await find(context)
        guard stored.isBackground else {
            throw APIError(status: 400, message: "Cannot cancel a synchronous response.", param: "response_id", code: "invalid_value")
        }
        if stored.status.isFinal { return .json(stored.object) }
        await background?.cancel(id)
        return .json(try await find(context).stored.object)
    }

    @Sendable private func inputItems(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let (page, includes) = (try request.query.page(lists: ["include"]), try ItemIncludes(request.query))
        let (store, id, _) = try await find(context)
        guard let items = try await store.items(of: id, .response, owner: context.storageOwner, page: page) else {
            throw APIError.notFound("Response", id)
        }
        return .json(ListEncoder.list(items.data.map { includes.shown($0.json) }, hasMore: items.hasMore))
    }

    private func find(_ context: ShimmyRequestContext) async throws -> (store: Store, id: String, stored: StoredResponse) {
        let (store, id) = (try store.required(), context.parameters.get("response_id") ?? "")
        let owner = context.storageOwner
        let stored =
            if let background { try await background.unkept.response(id, owner: owner) } else { try await store.response(id, owner: owner) }
        guard let stored else { throw APIError.notFound("Response", id) }
        return (store, id, stored)
    }
}
