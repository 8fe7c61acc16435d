import HTTPTypes
import Hummingbird
import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyModels
import ShimmyStorage

extension HTTPField.Name {
    static let droppedItems = Self("x-shimmy-dropped-items")!
}

/// `POST /v1/responses`: makes responses, at once or in the background.
struct ResponseRoutes: Sendable {
    let models: ModelManager
    let reader: PresetReader
    /// Nil where nothing may be stored.
    let store: Store?
    /// Nil where nothing may be stored.
    let background: BackgroundResponses?
    let streams: ResponseStreams

    private var maker: ResponseMaker { ResponseMaker(models: models, presets: reader.presets) }

    var routes: [Route] { [Route(path: "/responses", method: .post, isOpenAI: true, handler: create)] }

    @Sendable private func create(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, for: Compatibility.createResponse)
        let json = reading.json
        let decoded = try ResponseRequest(json)
        if store == nil {
            if decoded.store == true { throw APIError.nothingIsStored("store") }
            if decoded.isBackground { throw APIError.nothingIsStored("background") }
        }
        let items = try await ResponseContextFinder(store: store).context(
            previous: decoded.previousID, conversation: decoded.conversationID, input: decoded.input ?? [], owner: context.storageOwner)
        var response =
            decoded.isBackground
            ? try await createInBackground(decoded, json, items, context) : try await createNow(decoded, items, context)
        response.reportIgnored(decoded.ignoredParameters)
        response.reportForced(reading.forced)
        return response
    }

    // MARK: At once

    private func createNow(_ request: ResponseRequest, _ items: ResponseContext, _ context: ShimmyRequestContext) async throws -> Response {
        let lease = try await context.acquire(request.model, from: models)
        let terms = ServiceTerms(owner: context.owner, isFlex: request.isFlex)
        let started = try await maker.start(request, items.items, on: lease.backend, terms)
        let (record, events, first) = try await begin(request, items, context)
        let run = ResponseRun(started.answer, lease, events, record, context.logger)
        if started.dropped > 0 { context.logger.droppedItems(started.dropped, of: events.object.id) }
        let consumer = OneConsumer(run)
        var response = request.stream ? streams.live(consumer, first: first, context) : try await whole(consumer, context)
        if started.dropped > 0 { response.headers[.droppedItems] = "\(started.dropped)" }
        return response
    }

    /// The response's beginning, kept if it is to be.
    private func begin(
        _ request: ResponseRequest, _ items: ResponseContext, _ context: ShimmyRequestContext
    ) async throws -> (record: ResponseRecord?, events: ResponseEvents, first: [JSON]) {
        let record = record(request, items, context)
        let object = ResponseObject(id: record?.id ?? ResponseObject.newID(), created: UnixTime.now, request: request, isStored: record != nil)
        var events = ResponseEvents(object, style: request.style, dialect: request.dialect)
        let untold = events
        let first = events.begin()
        do {
            try await record?.insert(events.object, request)
            return (record, events, first)
        } catch let error as StorageError where record?.isRequired == false && !error.isClients {
            context.logger.error("a response is not kept", metadata: ["response": "\(object.id)", "error": "\(error)"])
            events = untold
            events.leaveUnstored()
            let first = events.begin()
            return (nil, events, first)
        }
    }

    private func record(_ request: ResponseRequest, _ items: ResponseContext, _ context: ShimmyRequestContext) -> ResponseRecord? {
        guard let store, request.store ?? true else { return nil }
        return ResponseRecord(
            store: store, id: ResponseObject.newID(), owner: context.storageOwner, input: items.input, keepsEvents: request.isBackground,
            isRequired: request.store == true || request.isBackground || request.conversationID != nil)
    }

    private func whole(_ consumer: OneConsumer<ResponseRun>, _ context: ShimmyRequestContext) async throws -> Response {
        let run = try consumer.take()
        let canceller = run.canceller
        return try await context.channel.onDisconnect(canceller.cancel) {
            while await run.next() != nil {}
            if let failure = run.failure { throw failure }
            return .json(run.object.json)
        }
    }

    // MARK: In the background

    private func createInBackground(
        _ request: ResponseRequest, _ json: JSON, _ items: ResponseContext, _ context: ShimmyRequestContext
    ) async throws -> Response {
        guard let store, let background, let record = record(request, items, context) else { throw APIError.nothingIsStored("background") }
        try background.checkRoom()
        let lease = try await context.acquire(request.model, from: models)
        try await maker.check(request, items.items, on: lease.backend)
        let object = ResponseObject(id: record.id, created: UnixTime.now, request: request, isStored: true)
        var events = ResponseEvents(object, style: request.style, dialect: request.dialect)
        let first = events.queue()
        try await record.insert(events.object, request, body: json, events: first)
        let terms = ServiceTerms(owner: context.owner, isFlex: request.isFlex)
        background.add(
            BackgroundResponses.Job(id: record.id, storageOwner: record.owner, terms: terms), number: events.nextNumber - 1)
        if request.stream { return streams.kept(record.id, after: -1, store, background, context) }
        return .json(events.object.json)
    }
}
