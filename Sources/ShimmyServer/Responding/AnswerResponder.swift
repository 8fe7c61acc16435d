import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// Sends the answer to an order, whole or as a stream.
struct AnswerResponder: Sendable {
    /// Writes all frames of a stream.
    typealias Stream = @concurrent @Sendable (inout any ResponseBodyWriter) async throws -> Void

    let service: InferenceService
    /// The interval of comments in an idle stream.
    let heartbeat: Duration
    /// How long a stream waits for a model to load, and then for its answer to begin, before it starts. An upstream server's answer begins only when
    /// its prompt is computed. Errors in the prompt are found only with the model, and after the start of the stream they can no longer set the
    /// status.
    let silence: Duration

    func respond(to order: AnswerOrder, _ context: ShimmyRequestContext) async throws -> Response {
        var response: Response
        if order.streams {
            let record = try await order.waiting { try await service.models.findUsable(order.model, for: .chat) }
            context.life?.note(model: record.id, isStreamed: true)
            let pending = PendingLease(record, from: service.models, keepAlive: order.keepAlive)
            if let lease = try await order.waiting({ try await pending.lease(within: silence, context.channel) }) {
                response = try await stream(order, lease, context)
            } else {
                response = .stream(order.framing) { writer in try await write(order, after: pending, context, to: &writer) }
            }
        } else {
            let lease = try await order.waiting {
                try await context.acquire(order.model, for: .chat, from: service, keepAlive: order.keepAlive)
            }
            response = try await whole(try await begin(order, lease, context), context)
        }
        response.reportIgnored(order.ignored)
        response.reportForced(order.forced)
        return response
    }

    /// Returns the stream of an answer. It starts when the answer has begun, or without it after `silence`.
    private func stream(_ order: AnswerOrder, _ lease: ModelLease, _ context: ShimmyRequestContext) async throws -> Response {
        // The answer of a model of this process begins as soon as its prompt is tokenized.
        if lease.record.upstream == nil, !lease.backend.isIsolated { return stream(try await begin(order, lease, context), order.framing, context) }
        let pending = PendingAnswer { try await begin(order, lease, context) }
        if let started = try await pending.started(within: silence) { return stream(started, order.framing, context) }
        return .stream(order.framing) { writer in try await write(order, after: pending, context, to: &writer) }
    }

    /// Begins the answer. If the client disconnects, the work on its input stops.
    private func begin(_ order: AnswerOrder, _ lease: ModelLease, _ context: ShimmyRequestContext) async throws -> StartedAnswer {
        try await context.untilDisconnected { try await order.begin(lease) }
    }

    /// Returns a stream of an answer that is made while its client reads it. If the client disconnects, the work stops.
    func stream(_ started: StartedAnswer, _ framing: StreamFraming, _ context: ShimmyRequestContext) -> Response {
        var response = Response.stream(framing) { writer in try await write(started, context, to: &writer) }
        response.report(started)
        return response
    }

    private func whole(_ started: StartedAnswer, _ context: ShimmyRequestContext) async throws -> Response {
        let answer = try started.take()
        let isGone = Signal()
        let whole = try await context.channel.onDisconnect({
            isGone.fire()
            started.canceller.cancel()
        }) { try await answer.whole() }
        // Some APIs have a whole answer even if it was cancelled.
        if isGone.hasFired { throw APIError.cancelled }
        var response = Response.json(whole.json)
        response.report(started)
        response.report(whole.report)
        response.report(obstacle: whole.obstacle)
        return response
    }

    @concurrent private func write(
        _ started: StartedAnswer, _ context: ShimmyRequestContext, to writer: inout any ResponseBodyWriter
    ) async throws {
        let answer = try started.take()
        let pulse = Heartbeat(every: heartbeat, started.canceller.nudge)
        defer { pulse.stop() }
        try await context.channel.onDisconnect(started.canceller.cancel) {
            do {
                while let bytes = try await answer.nextBytes() {
                    if !bytes.isEmpty { try await writer.write(ByteBuffer(bytes: bytes)) }
                }
            } catch {
                await answer.abandon()
                throw error
            }
        }
    }

    /// Writes a stream that begins before its model is loaded; comments report the load progress.
    @concurrent private func write(
        _ order: AnswerOrder, after pending: PendingLease, _ context: ShimmyRequestContext, to writer: inout any ResponseBodyWriter
    ) async throws {
        try await write(order, context, to: &writer) { writer in
            let lease = try await pending.lease(telling: &writer, order.framing, context.channel)
            let answer = PendingAnswer { try await begin(order, lease, context) }
            return try await answer.started(pinging: &writer, order.framing, every: heartbeat)
        }
    }

    /// Writes a stream that begins before its answer; pings keep the connection alive.
    @concurrent private func write(
        _ order: AnswerOrder, after pending: PendingAnswer, _ context: ShimmyRequestContext, to writer: inout any ResponseBodyWriter
    ) async throws {
        try await write(order, context, to: &writer) { writer in
            // The head alone would wait for the first event.
            let ping = order.framing.ping
            if !ping.isEmpty { try await writer.write(ByteBuffer(bytes: ping)) }
            return try await pending.started(pinging: &writer, order.framing, every: heartbeat)
        }
    }

    /// Writes a stream whose answer begins later. If it cannot begin, the stream ends with an error.
    @concurrent private func write(
        _ order: AnswerOrder, _ context: ShimmyRequestContext, to writer: inout any ResponseBodyWriter,
        beginning begin: @concurrent (inout any ResponseBodyWriter) async throws -> StartedAnswer
    ) async throws {
        let started: StartedAnswer
        do {
            started = try await begin(&writer)
        } catch let error as ChannelError {
            order.end(with: APIError.cancelled)
            throw error
        } catch {
            order.end(with: error)
            let mapped = APIError(any: error)
            if mapped != .cancelled { context.life?.note(mapped) }
            context.logger.report("answer failed to start", error, as: mapped)
            return try await writer.write(ByteBuffer(bytes: order.failed(mapped).flatMap(order.framing.frame)))
        }
        try await write(started, context, to: &writer)
    }
}

extension Response {
    /// Returns a stream. Errors are part of it: the status was already sent.
    static func stream(_ framing: StreamFraming, _ write: @escaping AnswerResponder.Stream) -> Response {
        Response(
            status: .ok, headers: streamHeaders(framing),
            body: ResponseBody { writer in
                try await write(&writer)
                try await writer.finish(nil)
            })
    }

    /// Sets the headers about an answer whose values are known at its beginning.
    mutating func report(_ started: StartedAnswer) {
        report(started.report)
        if started.dropped > 0 { headers[.droppedItems] = "\(started.dropped)" }
        report(obstacle: started.obstacle)
    }

    /// - obstacle: the reason why the answer is not stored although it should be; nil otherwise.
    fileprivate mutating func report(obstacle: APIError?) {
        if let obstacle { headers[.notStored] = obstacle.code ?? obstacle.type }
    }
}
