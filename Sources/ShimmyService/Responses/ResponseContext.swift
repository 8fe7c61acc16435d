import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyStorage

/// The items that a response is made from.
struct ResponseContext: Sendable {
    /// The items that precede the request.
    var earlier: [ResponseItem] = []
    /// The request's own items.
    var input: [ResponseItem] = []
    /// Whether the conversation has outputs that `earlier` omits, because their calls were deleted.
    var omitsOutputs = false

    var items: [ResponseItem] { earlier + input }
}

extension ResponseRequest {
    /// Returns the request with the tools that the items of its conversation declare, and with a note about omitted items.
    func continuing(_ context: ResponseContext) async throws -> ResponseRequest {
        var request = self
        if context.omitsOutputs { request.chat.conversation.normalizations.append(.omittedOutputs) }
        guard context.earlier.contains(where: \.hasTools) || context.input.contains(where: \.hasTools) else { return request }
        return try await WorkerPool.input.run { [request] _ in
            var request = request
            try request.takeTools(of: context.items)
            return request
        }
    }
}

/// Finds the items that a request continues from.
struct ResponseContextFinder: Sendable {
    /// The storage; nil if the server stores nothing.
    let store: Store?
    /// The responses that the request's connection remembers; nil if it remembers none.
    var memory: ResponseMemory?

    /// Returns the items for a response. Throws a 400 or a 404 if an object does not exist or belongs to another owner, and a 400 for an output among
    /// `input` without a call or with an earlier output.
    func context(previous: String?, conversation: String?, input: [InputItem], owner: String) async throws -> ResponseContext {
        var context = ResponseContext()
        if let previous, let remembered = memory?.items(of: previous) {
            context.earlier = remembered
        } else if let previous, store == nil, memory != nil {
            throw APIError.previousNotFound(previous)
        } else if let previous {
            context.earlier = try await chain(try kept("previous_response_id"), previous, owner)
        } else if let conversation {
            let items = try await ConversationItems(store: try kept("conversation"), owner: owner).items(of: conversation)
            context.earlier = CallOutputs.withoutOrphans(items)
            context.omitsOutputs = context.earlier.count < items.count
        }
        context.input = try await resolve(input, among: context.earlier, owner)
        try CallOutputs.check(context.input, after: context.earlier, in: "input")
        return context
    }

    private static let mostBytes = InputLimits.standard.historyBytes

    private func kept(_ field: String) throws(APIError) -> Store {
        guard let store else { throw .nothingIsStored(field) }
        return store
    }

    private func chain(_ store: Store, _ id: String, _ owner: String) async throws -> [ResponseItem] {
        guard let chain = try await store.chain(endingAt: id, owner: owner, mostBytes: Self.mostBytes) else { throw APIError.previousNotFound(id) }
        if let missing = chain.missing { throw APIError.previousNotFound(missing) }
        if let last = chain.turns.last?.response, !last.status.isFinal { throw APIError.previousNotFinished(id) }
        return try await Self.items {
            try chain.turns.flatMap { turn in
                try turn.input.map { try ResponseItem(stored: $0.json) } + Self.output(of: turn.response)
            }
        }
    }

    /// Decodes stored items on the worker pool, because there may be many. Throws a 400 if there are more than a request may contain.
    /// - field: the request field for the error.
    static func items(
        field: String = "input", _ decode: @escaping @Sendable () throws -> [ResponseItem]
    ) async throws -> [ResponseItem] {
        let items = try await WorkerPool.input.run(.slow, seconds: InputLimits.standard.prepareSeconds) { _ in try decode() }
        let most = InputLimits.standard.messages
        if items.count > most { throw APIError.arrayTooLong(.key(field), maximum: most, got: items.count) }
        return items
    }

    /// Replaces references by the items they refer to: earlier items, other items of the input, or the output of any response of the owner.
    private func resolve(_ input: [InputItem], among earlier: [ResponseItem], _ owner: String) async throws -> [ResponseItem] {
        var known = Dictionary(earlier.map { ($0.id, $0) }) { $1 }
        for case .item(let item) in input { known[item.id] = item }
        let here = known
        // Looks up the items of each response once, regardless of the number of references.
        var outputs: [String: [ResponseItem]] = [:]
        return try await InputItem.resolve(input) { id in
            if let item = here[id] { return item }
            guard let store, let response = ResponseEvents.response(ofItem: id) else { return nil }
            if outputs[response] == nil {
                guard let stored = try await store.response(response, owner: owner) else { return nil }
                outputs[response] = try await Self.items { try Self.output(of: stored) }
            }
            return outputs[response]?.first { $0.id == id }
        }
    }

    private static func output(of response: StoredResponse) throws -> [ResponseItem] {
        try (response.object["output"]?.arrayValue ?? []).map { try ResponseItem(stored: $0) }
    }
}

extension APIError {
    fileprivate static func previousNotFound(_ id: String) -> APIError {
        APIError(
            status: 400, message: "Previous response with id '\(id)' not found.", param: "previous_response_id", code: "previous_response_not_found")
    }

    fileprivate static func previousNotFinished(_ id: String) -> APIError {
        APIError(
            status: 400, message: "Previous response with id '\(id)' is not finished.", param: "previous_response_id", code: "invalid_value")
    }
}
