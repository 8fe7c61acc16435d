import HTTPTypes
import Hummingbird
import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyModels
import ShimmyStorage

/// `POST /v1/responses`: makes responses, in the foreground or in the background.
struct ResponseRoutes: Sendable {
    let models: ModelManager
    let reader: PresetReader
    /// The storage; nil if the server stores nothing.
    let store: Store?
    /// The maker of background responses; nil if the server stores nothing.
    let background: BackgroundResponses?
    let responder: AnswerResponder

    private var maker: ResponseMaker { ResponseMaker(models: models, presets: reader.presets) }

    var routes: [Route] { [Route(.post, "/responses", .load, handler: create)] }

    /// A request that passed all checks that do not need its model.
    private struct Order: Sendable {
        let request: ResponseRequest
        /// The request as received, for a background response; otherwise null.
        let body: JSON
        /// The items, taken when the response begins, so that they do not stay in memory while it is made.
        let items: OneConsumer<ResponseContext>
    }

    @Sendable private func create(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, for: Compatibility.createResponse) { json in
            let decoded = try ResponseRequest(json)
            return (request: decoded, body: decoded.isBackground ? json : .null)
        }
        var decoded = reading.value.request
        if store == nil {
            if decoded.store == true { throw APIError.nothingIsStored("store") }
            if decoded.isBackground { throw APIError.nothingIsStored("background") }
        }
        let items = try await ResponseContextFinder(store: store).context(
            previous: decoded.previousID, conversation: decoded.conversationID, input: decoded.input ?? [], owner: context.storageOwner)
        if decoded.isBackground { try background?.checkRoom(for: context.owner) }
        decoded = try await decoded.takingTools(of: items)
        decoded.input = nil
        let order = Order(request: decoded, body: reading.value.body, items: OneConsumer(items))
        let ask = ModelAsk(
            model: decoded.model, keepAlive: decoded.keepAlive, streams: decoded.stream, ignored: decoded.ignoredParameters, forced: reading.forced)
        return try await responder.respond(
            to: ask, context, framing: ResponseEvents.framing, failed: { Self.failed(order.request, $0) },
            start: { try await begin(order, $0, context) })
    }

    /// Returns the events of a response whose model could not be loaded, or whose input proved invalid once the model was loaded.
    private static func failed(_ request: ResponseRequest, _ error: APIError) -> [JSON] {
        let object = ResponseObject(id: ResponseObject.newID(), created: UnixTime.now, request: request, isStored: false)
        var events = ResponseEvents(object, style: request.style, dialect: request.dialect)
        return events.begin() + events.fail(error)
    }

    @concurrent private func begin(_ order: Order, _ lease: ModelLease, _ context: ShimmyRequestContext) async throws -> StartedAnswer {
        order.request.isBackground ? try await beginInBackground(order, lease, context) : try await beginNow(order, lease, context)
    }

    // MARK: At once

    private func beginNow(_ order: Order, _ lease: ModelLease, _ context: ShimmyRequestContext) async throws -> StartedAnswer {
        let terms = ServiceTerms(owner: context.owner, isFlex: order.request.isFlex)
        let items = try order.items.take()
        let started = try await maker.start(order.request, items.items, on: lease.generator, terms)
        let beginning = try await beginning(order.request, items, context)
        if started.dropped > 0 { context.logger.droppedItems(started.dropped, of: beginning.events.object.id) }
        let report = started.answer.report
        var logger = context.logger
        logger[metadataKey: "response"] = "\(beginning.events.object.id)"
        let run = AnswerRun(started.answer, lease, beginning.events, beginning.record, models, logger)
        var answer = StartedAnswer(run, first: beginning.first, report: report, heartbeat: responder.heartbeat, context)
        (answer.dropped, answer.obstacle) = (started.dropped, beginning.obstacle)
        return answer
    }

    private struct Beginning {
        /// The response's record; nil if the response is not stored.
        let record: ResponseRecord?
        let events: ResponseEvents
        let first: [JSON]
        var obstacle: APIError?
    }

    /// Returns the beginning of a response, stored if required.
    private func beginning(_ request: ResponseRequest, _ items: ResponseContext, _ context: ShimmyRequestContext) async throws -> Beginning {
        let record = record(request, items, context)
        let object = ResponseObject(id: record?.id ?? ResponseObject.newID(), created: UnixTime.now, request: request, isStored: record != nil)
        var events = ResponseEvents(object, style: request.style, dialect: request.dialect)
        let untold = events
        let first = events.begin()
        do {
            try await record?.insert(events.object, request)
            return Beginning(record: record?.inserted(for: request), events: events, first: first)
        } catch let error as StorageError where record?.isRequired == false && !error.isClients {
            context.logger.error("response could not be stored", metadata: ["response": "\(object.id)", "error": "\(error)"])
            events = untold
            events.leaveUnstored()
            let first = events.begin()
            return Beginning(record: nil, events: events, first: first, obstacle: APIError(error))
        }
    }

    private func record(_ request: ResponseRequest, _ items: ResponseContext, _ context: ShimmyRequestContext) -> ResponseRecord? {
        guard let store, let background, request.store ?? true else { return nil }
        return ResponseRecord(
            store: store, unkept: background.unkept, id: ResponseObject.newID(), owner: context.storageOwner, input: items.input,
            keepsValues: request.isBackground, isRequired: request.store == true || request.isBackground || request.conversationID != nil)
    }

    // MARK: In the background

    private func beginInBackground(_ order: Order, _ lease: ModelLease, _ context: ShimmyRequestContext) async throws -> StartedAnswer {
        let request = order.request
        let items = try order.items.take()
        guard let background, let record = record(request, items, context) else { throw APIError.nothingIsStored("background") }
        try await maker.check(request, items.items, on: lease.generator)
        let object = ResponseObject(id: record.id, created: UnixTime.now, request: request, isStored: true)
        var events = ResponseEvents(object, style: request.style, dialect: request.dialect)
        let first = events.queue()
        try await record.insert(events.object, request, body: order.body, events: first)
        let terms = ServiceTerms(owner: context.owner, isFlex: request.isFlex)
        background.add(
            BackgroundResponses.Job(id: record.id, storageOwner: record.owner, terms: terms), number: events.nextNumber - 1)
        let queued = events.object.json
        let streams = StoredEventStreams(store: record.store, background: background, heartbeat: responder.heartbeat)
        return StartedAnswer(stream: streams.stream(record.id, after: -1, context), whole: { .json(queued) })
    }
}
