import ShimmyAPI
import ShimmyJSON
import ShimmyStorage

/// The stored record of a response, while the response is made and afterwards.
struct ResponseRecord: AnswerRecord {
    let store: Store
    let unkept: UnkeptEnds
    let id: String
    let owner: String
    /// The response's input items, for its record and then for its conversation.
    private(set) var input: [ResponseItem]
    /// True for background responses.
    let keepsValues: Bool
    let isRequired: Bool
    /// The response's place among those that run in the foreground; nil for others, and before it is inserted.
    var place: ForegroundResponses.Place?

    /// - body: the request as received, for a queued response; otherwise nil.
    func insert(_ object: ResponseObject, _ request: ResponseRequest, body: JSON? = nil, events: [JSON] = []) async throws {
        var response = stored(object)
        (response.previousID, response.request) = (request.previousID, body)
        do {
            try await store.insert(response, input: input.map(StoredItem.init), events: keepsValues ? Self.stored(events) : [])
        } catch StorageError.duplicate(let id) {
            throw APIError(status: 400, message: "Duplicate item found with id '\(id)'.", param: "input", code: "duplicate_item")
        }
    }

    /// Returns the record for use after the insertion. It keeps the input only if the response belongs to a conversation.
    func inserted(for request: ResponseRequest) -> ResponseRecord {
        var record = self
        if request.conversationID == nil { record.input = [] }
        return record
    }

    /// Marks the response as in progress. Returns false if it was cancelled or deleted meanwhile.
    func begin(_ object: ResponseObject, _ events: [JSON]) async throws -> Bool {
        try await store.update(
            id, ResponseChange(status: .inProgress, object: object.json, events: keepsValues ? Self.stored(events) : [], from: [.queued]))
    }

    func append(_ events: [JSON]) async throws -> Bool {
        guard keepsValues, !events.isEmpty else { return true }
        return try await store.update(id, ResponseChange(events: Self.stored(events)))
    }

    /// Stores the final state. If the status of the response is completed or incomplete, its input and output become part of its conversation.
    func finish(_ dialect: ResponseEvents, _ events: [JSON]) async throws {
        let object = dialect.object
        var change = ResponseChange(status: Self.status(object.status), object: object.json, events: keepsValues ? Self.stored(events) : [])
        if object.conversationID != nil, object.status == .completed || object.status == .incomplete {
            change.conversationItems = input.map(StoredItem.init) + object.output.compactMap(Self.item)
        }
        try await store.update(id, change)
    }

    /// Until the final state is stored, the server returns it from memory. Of a deleted response, nothing is kept.
    func finishLater(_ dialect: ResponseEvents, _ events: [JSON]) {
        if place?.isDeleted == true { return }
        unkept.note(id, owner: owner, stored(dialect.object), events: events) { try await finish(dialect, events) }
    }

    func leave() {
        unkept.note(id, owner: owner, nil) { _ = try await store.delete(id, .response, owner: owner) }
    }

    private func stored(_ object: ResponseObject) -> StoredResponse {
        StoredResponse(
            id: id, owner: owner, created: object.created, status: Self.status(object.status), model: object.model, isBackground: keepsValues,
            conversationID: object.conversationID, object: object.json)
    }

    private static func status(_ status: ResponseObject.Status) -> StoredResponse.Status {
        switch status {
        case .queued: .queued
        case .inProgress: .inProgress
        case .completed: .completed
        case .incomplete: .incomplete
        case .failed: .failed
        case .cancelled: .cancelled
        }
    }

    private static func item(_ output: JSON) -> StoredItem? { output["id"]?.stringValue.map { StoredItem(id: $0, json: output) } }

    private static func stored(_ events: [JSON]) -> [StoredEvent] {
        events.map { StoredEvent(number: $0["sequence_number"]?.intValue ?? 0, json: $0) }
    }
}
