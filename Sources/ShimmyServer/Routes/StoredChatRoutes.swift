import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyJSON
import ShimmyService
import ShimmyStorage

/// Stored chat completions: list, get, update, delete, and list their input messages.
struct StoredChatRoutes: Sendable {
    /// The storage; nil if the server stores nothing.
    let store: Store?
    let body: RequestReader

    var routes: [Route] {
        let one = "/chat/completions/{completion_id}"
        return [
            Route(.get, "/chat/completions", .read, handler: list),
            Route(.get, one, .read, handler: get),
            Route(.post, one, .write, handler: update),
            Route(.delete, one, .write, handler: delete),
            Route(.get, one + "/messages", .read, handler: messages),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let (store, query) = (try store.required(), request.query)
        let page = try query.page(order: .asc, others: ["model"], objects: ["metadata"])
        let filter = ChatFilter(model: query.string("model"), metadata: query.members("metadata"))
        let found = try await store.chats(owner: context.storageOwner, filter: filter, page: page)
        return .json(ListEncoder.list(found.data.map(Self.json), hasMore: found.hasMore))
    }

    @Sendable private func get(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        .json(Self.json(try await find(context)))
    }

    @Sendable private func update(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let metadata = try await body.read(request, context) { try MetadataUpdate($0) }.metadata
        let chat = try await find(context)
        guard try await store.required().setMetadata(metadata, of: chat.id, .chat, owner: context.storageOwner) else {
            throw APIError.notFound("Chat completion", chat.id)
        }
        return .json(Self.json(try await find(context)))
    }

    @Sendable private func delete(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let id = Self.id(context)
        guard try await store.required().delete(id, .chat, owner: context.storageOwner) else { throw APIError.notFound("Chat completion", id) }
        return .json(StoredChatEncoder.deleted(id))
    }

    @Sendable private func messages(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let (id, page) = (Self.id(context), try request.query.page(order: .asc))
        guard let found = try await store.required().items(of: id, .chat, owner: context.storageOwner, page: page) else {
            throw APIError.notFound("Chat completion", id)
        }
        return .json(ListEncoder.list(found.data.map(\.json), hasMore: found.hasMore))
    }

    private func find(_ context: ShimmyRequestContext) async throws -> StoredChat {
        let id = Self.id(context)
        guard let chat = try await store.required().chat(id, owner: context.storageOwner) else { throw APIError.notFound("Chat completion", id) }
        return chat
    }

    private static func id(_ context: ShimmyRequestContext) -> String { context.parameters.get("completion_id") ?? "" }
    private static func json(_ chat: StoredChat) -> JSON { StoredChatEncoder.completion(chat.object, metadata: chat.metadata) }
}
