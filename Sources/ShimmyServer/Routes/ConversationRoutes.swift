import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyCore
import ShimmyJSON
import ShimmyService
import ShimmyStorage

/// Conversations: ordered items under an id that responses can continue from. The list of a key's own conversations is an addition of Shimmy to
/// OpenAI's API.
struct ConversationRoutes: Sendable {
    /// The storage; nil if the server stores nothing.
    let store: Store?
    let body: RequestReader

    var routes: [Route] {
        let one = "/conversations/{conversation_id}"
        return [
            Route(own: .get, "/conversations", .read, handler: list),
            Route(.post, "/conversations", .write, handler: create),
            Route(.get, one, .read, handler: get),
            Route(.post, one, .write, handler: update),
            Route(.delete, one, .write, handler: delete),
            Route(.post, one + "/items", .write, handler: addItems),
            Route(.get, one + "/items", .read, handler: listItems),
            Route(.get, one + "/items/{item_id}", .read, handler: getItem),
            Route(.delete, one + "/items/{item_id}", .write, handler: deleteItem),
        ]
    }

    @Sendable private func create(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let store = try store.required()
        let decoded = try await body.readOptional(request, context) { try ConversationRequest($0) }
        let conversation = StoredConversation(
            id: ConversationRequest.newID(), owner: context.storageOwner, created: UnixTime.now, metadata: decoded.metadata)
        let items = try await resolved(decoded.items, store, context)
        try CallOutputs.check(items)
        try await store.insert(conversation, items: items.map(StoredItem.init))
        return .json(Self.json(conversation))
    }

    /// Lists the conversations of the request's key. Nobody lists those of another key, whatever the role.
    @Sendable private func list(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let page = try request.query.page()
        let found = try await store.required().conversations(owner: context.storageOwner, page: page)
        return .json(ListEncoder.list(found.data.map(Self.json), hasMore: found.hasMore))
    }

    @Sendable private func get(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        .json(Self.json(try await find(context)))
    }

    @Sendable private func update(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let store = try store.required()
        let metadata = try await body.read(request, context) { try MetadataUpdate($0) }.metadata
        guard try await store.setMetadata(metadata, of: Self.id(context), .conversation, owner: context.storageOwner) else {
            throw Self.notFound(context)
        }
        return .json(Self.json(try await find(context)))
    }

    @Sendable private func delete(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        guard try await store.required().delete(Self.id(context), .conversation, owner: context.storageOwner) else {
            throw Self.notFound(context)
        }
        return .json(ConversationEncoder.deleted(Self.id(context)))
    }

    // MARK: Items

    @Sendable private func addItems(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let store = try store.required()
        let includes = try ItemIncludes(request.query)
        let decoded = try await body.read(request, context) { try ConversationItemsRequest($0) }
        let added = try await resolved(decoded.items, store, context)
        try await ConversationItems(store: store, owner: context.storageOwner).add(added, to: Self.id(context))
        return .json(ListEncoder.list(added.map { includes.shown($0.json) }, hasMore: false))
    }

    @Sendable private func listItems(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let (page, includes) = (try request.query.page(lists: ["include"]), try ItemIncludes(request.query))
        let found = try await store.required().items(of: Self.id(context), .conversation, owner: context.storageOwner, page: page)
        guard let found else { throw Self.notFound(context) }
        return .json(ListEncoder.list(found.data.map { includes.shown($0.json) }, hasMore: found.hasMore))
    }

    @Sendable private func getItem(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let includes = try ItemIncludes(request.query)
        let itemID = Self.itemID(context)
        _ = try await find(context)
        guard let item = try await store.required().item(itemID, of: Self.id(context), .conversation, owner: context.storageOwner) else {
            throw APIError.notFound("Item", itemID)
        }
        return .json(includes.shown(item.json))
    }

    @Sendable private func deleteItem(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let conversation = try await find(context)
        guard try await store.required().deleteItem(Self.itemID(context), ofConversation: conversation.id, owner: context.storageOwner) else {
            throw APIError.notFound("Item", Self.itemID(context))
        }
        return .json(Self.json(conversation))
    }

    /// Returns the given items. A reference may refer to any item that the same owner has stored.
    private func resolved(_ items: [InputItem], _ store: Store, _ context: ShimmyRequestContext) async throws -> [ResponseItem] {
        try await InputItem.resolve(items) { id in
            try await store.item(id, owner: context.storageOwner).map { try ResponseItem(stored: $0.json) }
        }
    }

    private func find(_ context: ShimmyRequestContext) async throws -> StoredConversation {
        guard let conversation = try await store.required().conversation(Self.id(context), owner: context.storageOwner) else {
            throw Self.notFound(context)
        }
        return conversation
    }

    private static func id(_ context: ShimmyRequestContext) -> String { context.parameters.get("conversation_id") ?? "" }
    private static func itemID(_ context: ShimmyRequestContext) -> String { context.parameters.get("item_id") ?? "" }
    private static func notFound(_ context: ShimmyRequestContext) -> APIError { .notFound("Conversation", id(context)) }

    private static func json(_ conversation: StoredConversation) -> JSON {
        ConversationEncoder.conversation(
            id: conversation.id, created: conversation.created, metadata: conversation.metadata, updated: conversation.updated)
    }
}
