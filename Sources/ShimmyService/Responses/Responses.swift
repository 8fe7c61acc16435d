import Logging
package import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
package import ShimmyJSON
import ShimmyModels
import ShimmyStorage

/// Makes responses, at once or in the background.
extension InferenceService {
    /// A request that passed all checks that do not need its model.
    private struct CheckedRequest: Sendable {
        let request: ResponseRequest
        /// The request as received, for a background response; otherwise null.
        let body: JSON
        /// The items, taken when the response begins, so that they do not stay in memory while it is made.
        let items: OneConsumer<ResponseContext>
        /// The memory of the request's connection; nil if it has none.
        let memory: ResponseMemory?
    }

    /// Accepts a response. Throws the errors that can be found without the model.
    /// - body: the request as received, for a background response; otherwise null.
    /// - memory: the responses that the request's connection remembers. A response that is not stored is added to them.
    package func acceptResponse(
        _ reading: PresetRequest<ResponseRequest>, body: JSON, memory: ResponseMemory? = nil, _ caller: Caller
    ) async throws -> AnswerOrder {
        let media = (reading.value.input ?? []).flatMap(\.media)
        let caller = try charged(caller, .responses, reading.value.chat, media: media)
        let checked = try await caller.charge.during { try await check(reading.value, body: body, memory, caller) }
        return AnswerOrder(
            reading.map { _ in checked.request }, caller.charge, framing: ResponseEvents.framing, failed: { Self.failed(checked.request, $0) }
        ) { lease in
            checked.request.isBackground ? try await beginInBackground(checked, lease, caller) : try await beginNow(checked, lease, caller)
        }
    }

    /// Throws the errors that can be found without the model.
    private func check(
        _ request: ResponseRequest, body: JSON, _ memory: ResponseMemory?, _ caller: Caller
    ) async throws -> CheckedRequest {
        var request = request
        if store == nil {
            if request.store == true { throw APIError.nothingIsStored("store") }
            if request.isBackground { throw APIError.nothingIsStored("background") }
        }
        if let previous = request.previousID, memory?.items(of: previous) != nil {
            if request.store == true { throw APIError.continuesUnstored(previous) }
            request.store = false
        }
        let items = try await ResponseContextFinder(store: store, memory: memory).context(
            previous: request.previousID, conversation: request.conversationID, input: request.input ?? [], owner: caller.storageOwner)
        try await checkMedia(of: items, for: request)
        if request.isBackground { try background?.checkRoom(for: caller.owner) }
        request = try await request.continuing(items)
        request.input = nil
        return CheckedRequest(request: request, body: body, items: OneConsumer(items), memory: memory)
    }

    /// Throws a 400 if the conversation contains images or audio that the model does not read. The decoder has checked the request's own items, but
    /// not those that it refers to.
    private func checkMedia(of items: ResponseContext, for request: ResponseRequest) async throws {
        let (earlier, own) = (MediaKinds(items.earlier.map(\.mediaKinds)), MediaKinds(items.input.map(\.mediaKinds)))
        guard !earlier.union(own).isEmpty, let record = try? await models.find(request.model) else { return }
        let media = record.upstream?.media ?? []
        guard media.isSuperset(of: earlier) else {
            throw APIError.unreadMedia(request.previousID != nil ? "previous_response_id" : "conversation")
        }
        guard media.isSuperset(of: own) else { throw APIError.unreadMedia("input") }
    }

    /// Returns the events of a response whose model could not be loaded, or whose input proved invalid once the model was loaded.
    private static func failed(_ request: ResponseRequest, _ error: APIError) -> [JSON] {
        let object = ResponseObject(id: ResponseObject.newID(), created: UnixTime.now, request: request, isStored: false)
        var events = ResponseEvents(object, style: request.style, dialect: request.dialect)
        return events.begin() + events.fail(error)
    }

    // MARK: At once

    private func beginNow(_ checked: CheckedRequest, _ lease: ModelLease, _ caller: Caller) async throws -> StartedAnswer {
        let items = try checked.items.take()
        let isEmpty = items.items.isEmpty && checked.request.instructions?.isEmpty ?? true
        if checked.request.style.isSilent, isEmpty { return try await beginEmpty(checked, lease, caller) }
        let terms = caller.terms(isFlex: checked.request.isFlex, isWhole: !checked.request.stream)
        let made = try await maker.start(checked.request, items.items, on: lease.generator, terms)
        let beginning = try await beginning(checked.request, items, caller)
        let id = beginning.events.object.id
        if made.dropped > 0 { caller.logger.droppedItems(made.dropped, of: id) }
        let (report, canceller) = (made.answer.report, made.answer.canceller)
        let record = try await recorder(beginning, items, checked.memory, canceller)
        let run = AnswerRun(
            made.answer, lease, beginning.events, first: beginning.first, record: record, models, observer, caller.logging("response", id))
        var started = StartedAnswer(run, canceller)
        (started.report, started.dropped, started.obstacle) = (report, made.dropped, beginning.obstacle)
        return started
    }

    /// Begins a response that only loads the model, because the request has nothing to prepare.
    private func beginEmpty(_ checked: CheckedRequest, _ lease: ModelLease, _ caller: Caller) async throws -> StartedAnswer {
        let beginning = try await beginning(checked.request, ResponseContext(), caller)
        let answer = Self.emptyAnswer()
        let canceller = answer.canceller
        let record = try await recorder(beginning, ResponseContext(), checked.memory, canceller)
        let run = AnswerRun(
            answer, lease, beginning.events, first: beginning.first, record: record, models, observer,
            caller.logging("response", beginning.events.object.id))
        var started = StartedAnswer(run, canceller)
        started.obstacle = beginning.obstacle
        return started
    }

    private static func emptyAnswer() -> sending Answer {
        var events = [AnswerEvent.ended(Usage(promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0))]
        return Answer(canceller: Answer.Canceller(onCancel: {}, onNudge: {})) { events.popLast() }
    }

    /// Returns the record of a response: that of the storage, or that of the connection's memory if the response is not stored.
    private func recorder(
        _ beginning: Beginning, _ items: ResponseContext, _ memory: ResponseMemory?, _ canceller: Answer.Canceller
    ) async throws -> (any AnswerRecord<ResponseEvents>)? {
        if var record = beginning.record {
            record.place = foreground.add(record.id, canceller)
            return record
        }
        return try await memory?.record(of: items)
    }

    private struct Beginning {
        /// The response's record; nil if the response is not stored.
        let record: ResponseRecord?
        let events: ResponseEvents
        let first: [JSON]
        var obstacle: APIError?
    }

    /// Returns the beginning of a response, stored if required.
    private func beginning(_ request: ResponseRequest, _ items: ResponseContext, _ caller: Caller) async throws -> Beginning {
        let record = record(request, items, caller)
        let object = ResponseObject(id: record?.id ?? ResponseObject.newID(), created: UnixTime.now, request: request, isStored: record != nil)
        var events = ResponseEvents(object, style: request.style, dialect: request.dialect)
        let untold = events
        let first = events.begin()
        do {
            try await record?.insert(events.object, request)
            return Beginning(record: record?.inserted(for: request), events: events, first: first)
        } catch let error as StorageError where record?.isRequired == false && !error.isClients {
            caller.logger.error("response could not be stored", metadata: ["response": "\(object.id)", "error": "\(error)"])
            events = untold
            events.leaveUnstored()
            let first = events.begin()
            return Beginning(record: nil, events: events, first: first, obstacle: APIError(error))
        }
    }

    private func record(_ request: ResponseRequest, _ items: ResponseContext, _ caller: Caller) -> ResponseRecord? {
        guard let store, let background, request.store ?? true else { return nil }
        return ResponseRecord(
            store: store, unkept: background.unkept, id: ResponseObject.newID(), owner: caller.storageOwner, input: items.input,
            keepsValues: request.isBackground, isRequired: request.store == true || request.isBackground || request.conversationID != nil)
    }

    // MARK: In the background

    private func beginInBackground(_ checked: CheckedRequest, _ lease: ModelLease, _ caller: Caller) async throws -> StartedAnswer {
        let request = checked.request
        let items = try checked.items.take()
        guard let background, let record = record(request, items, caller) else { throw APIError.nothingIsStored("background") }
        let promptTokens = try await maker.check(request, items.items, on: lease.generator)
        let terms = try caller.terms(isFlex: request.isFlex).admitting(promptTokens: promptTokens)
        let object = ResponseObject(id: record.id, created: UnixTime.now, request: request, isStored: true)
        var events = ResponseEvents(object, style: request.style, dialect: request.dialect)
        let first = events.queue()
        try await record.insert(events.object, request, body: checked.body, events: first)
        background.add(
            BackgroundResponses.Job(
                id: record.id, storageOwner: record.owner, terms: terms, trace: caller.trace,
                charge: caller.charge),
            number: events.nextNumber - 1)
        var started = background.events(of: record.id, after: -1, object: events.object.json, caller)
        started.report.limitedTokens = terms.excess(of: request.chat.maximumTokens)
        return started
    }
}
