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
    static let notStored = Self("x-shimmy-not-stored")!
}

/// `POST /v1/responses`: makes responses, in the foreground or in the background.
struct ResponseRoutes: Sendable {
    let models: ModelManager
    let reader: PresetReader
    /// The storage; nil if the server stores nothing.
    let store: Store?
    /// The maker of background responses; nil if the server stores nothing.
    let background: BackgroundResponses?
    let streams: ResponseStreams

    /// How long a stream waits for a model to load before it starts. Errors in the input are found only with the model, and after the start
    /// of the stream they can no longer set the status.
    let silence: Duration

    private var maker: ResponseMaker { ResponseMaker(models: models, presets: reader.presets) }

    var routes: [Route] { [Route(path: "/responses", method: .post, isOpenAI: true, handler: create)] }

    /// A request that passed all checks that do not need its model.
    private struct Order: Sendable {
        let request: ResponseRequest
        /// The request as received, for a background response; otherwise null.
        let body: JSON
        /// The items, taken when the response begins, so that they do not stay in memory while it is made.
        let items: OneConsumer<ResponseContext>
    }

    /// A response that has begun.
    private struct Begun: Sendable {
        enum Making: Sendable {
            case now(OneConsumer<ResponseRun>, first: [JSON])
            case inBackground(ResponseObject)
        }

        let making: Making
        /// The number of the oldest items that were dropped because they did not fit.
        var dropped = 0
        var report = AnswerReport()
        /// The reason why the response is not stored although it should be; nil otherwise.
        var obstacle: APIError?
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
        var response = decoded.stream ? try await stream(order, context) : try await whole(order, context)
        response.reportIgnored(decoded.ignoredParameters)
        response.reportForced(reading.forced)
        return response
    }

    private func stream(_ order: Order, _ context: ShimmyRequestContext) async throws -> Response {
        let record = try await models.findUsable(order.request.model)
        let pending = PendingLease(record, from: models, keepAlive: order.request.keepAlive)
        guard let lease = try await pending.lease(within: silence, context.channel) else {
            return streams.respond(after: pending, context, failed: { Self.failed(order.request, $0) }) { lease in
                try telling(try await begin(order, lease, context), context)
            }
        }
        let begun = try await begin(order, lease, context)
        var response = streams.respond(try telling(begun, context))
        response.report(begun.report)
        response.report(dropped: begun.dropped, begun.obstacle)
        return response
    }

    private func telling(_ begun: Begun, _ context: ShimmyRequestContext) throws -> ResponseStreams.Telling {
        switch begun.making {
        case .now(let run, let first): return streams.live(run, first: first, context)
        case .inBackground(let object):
            guard let store, let background else { throw APIError.nothingIsStored("background") }
            return streams.kept(object.id, after: -1, store, background, context)
        }
    }

    private func whole(_ order: Order, _ context: ShimmyRequestContext) async throws -> Response {
        let lease = try await context.acquire(order.request.model, from: models, keepAlive: order.request.keepAlive)
        let begun = try await begin(order, lease, context)
        let run: ResponseRun
        switch begun.making {
        case .inBackground(let object): return .json(object.json)
        case .now(let consumer, _): run = try consumer.take()
        }
        let canceller = run.canceller
        return try await context.channel.onDisconnect(canceller.cancel) {
            while await run.next() != nil {}
            if let failure = run.failure { throw failure }
            var response = Response.json(run.object.json)
            response.report(begun.report)
            response.report(dropped: begun.dropped, begun.obstacle ?? run.obstacle)
            return response
        }
    }

    /// Returns the events of a response whose model could not be loaded, or whose input proved invalid once the model was loaded.
    private static func failed(_ request: ResponseRequest, _ error: APIError) -> [JSON] {
        let object = ResponseObject(id: ResponseObject.newID(), created: UnixTime.now, request: request, isStored: false)
        var events = ResponseEvents(object, style: request.style, dialect: request.dialect)
        return events.begin() + events.fail(error)
    }

    private func begin(_ order: Order, _ lease: ModelLease, _ context: ShimmyRequestContext) async throws -> Begun {
        order.request.isBackground ? try await beginInBackground(order, lease, context) : try await beginNow(order, lease, context)
    }

    // MARK: At once

    private func beginNow(_ order: Order, _ lease: ModelLease, _ context: ShimmyRequestContext) async throws -> Begun {
        let terms = ServiceTerms(owner: context.owner, isFlex: order.request.isFlex)
        let items = try order.items.take()
        let started = try await maker.start(order.request, items.items, on: lease.backend, terms)
        let beginning = try await beginning(order.request, items, context)
        if started.dropped > 0 { context.logger.droppedItems(started.dropped, of: beginning.events.object.id) }
        let report = started.answer.report
        let run = ResponseRun(started.answer, lease, beginning.events, beginning.record, models, context.logger)
        return Begun(making: .now(OneConsumer(run), first: beginning.first), dropped: started.dropped, report: report, obstacle: beginning.obstacle)
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
            context.logger.error("a response is not kept", metadata: ["response": "\(object.id)", "error": "\(error)"])
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
            keepsEvents: request.isBackground, isRequired: request.store == true || request.isBackground || request.conversationID != nil)
    }

    // MARK: In the background

    private func beginInBackground(_ order: Order, _ lease: ModelLease, _ context: ShimmyRequestContext) async throws -> Begun {
        let request = order.request
        let items = try order.items.take()
        guard let background, let record = record(request, items, context) else { throw APIError.nothingIsStored("background") }
        try await maker.check(request, items.items, on: lease.backend)
        let object = ResponseObject(id: record.id, created: UnixTime.now, request: request, isStored: true)
        var events = ResponseEvents(object, style: request.style, dialect: request.dialect)
        let first = events.queue()
        try await record.insert(events.object, request, body: order.body, events: first)
        let terms = ServiceTerms(owner: context.owner, isFlex: request.isFlex)
        background.add(
            BackgroundResponses.Job(id: record.id, storageOwner: record.owner, terms: terms), number: events.nextNumber - 1)
        return Begun(making: .inBackground(events.object))
    }
}

extension Response {
    /// - obstacle: the reason why the response is not stored although it should be; nil otherwise.
    fileprivate mutating func report(dropped items: Int, _ obstacle: APIError?) {
        if items > 0 { headers[.droppedItems] = "\(items)" }
        if let obstacle { headers[.notStored] = obstacle.code ?? obstacle.type }
    }
}
