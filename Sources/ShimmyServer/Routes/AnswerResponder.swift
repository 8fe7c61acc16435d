import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyModels

/// What a request asks of a model, and how it wants to hear of it.
struct ModelAsk: Sendable {
    let model: String
    let keepAlive: KeepAlive?
    let streams: Bool
    /// Fields without effect, for the response's header.
    let ignored: ReportedNames
}

/// An answer that has begun.
struct StartedAnswer<Dialect: AnswerDialect> {
    let answer: Answer
    let dialect: Dialect
    let choices: Int
    /// Nil when the answer is not stored. The dialect of a stream must keep its chunks then.
    var keep: AnswerResponder.Keep?
}

/// Answers a request with what a model says, whole or as a stream.
struct AnswerResponder: Sendable {
    let models: ModelManager
    let heartbeat: Duration
    /// How long a stream's status waits for a model that is not loaded: a mistake in the prompt is found with the model only.
    let silence: Duration

    /// Stores a whole answer. Its client hears of the end when that is done.
    typealias Keep = @Sendable (JSON) async throws -> Void

    /// - start: begins the answer once the model is there, and finds what is wrong with the request.
    func respond<Dialect: AnswerDialect>(
        to ask: ModelAsk, _ context: ShimmyRequestContext,
        start: @escaping @concurrent @Sendable (ModelLease) async throws -> sending StartedAnswer<Dialect>
    ) async throws -> Response {
        var response: Response
        if ask.streams {
            let record = try await models.findUsable(ask.model)
            let pending = PendingLease(record, from: models, keepAlive: ask.keepAlive)
            if let lease = try await pending.lease(within: silence, context.channel) {
                response = try await stream(start(lease), lease, context)
            } else {
                response = stream(pending, context, start)
            }
        } else {
            let lease = try await context.acquire(ask.model, from: models, keepAlive: ask.keepAlive)
            response = try await whole(start(lease), lease, context)
        }
        response.reportIgnored(ask.ignored)
        return response
    }

    private func whole<Dialect: AnswerDialect>(
        _ started: sending StartedAnswer<Dialect>, _ lease: ModelLease, _ context: ShimmyRequestContext
    ) async throws -> Response {
        let (canceller, choices, dialect, keep) = (started.answer.canceller, started.choices, started.dialect, started.keep)
        let consumer = OneConsumer(started.answer)
        return try await context.channel.onDisconnect(canceller.cancel) {
            defer { withExtendedLifetime(lease) {} }
            let answer = try consumer.take()
            let report = answer.report
            var dialect = dialect
            var reasons = [FinishReason](repeating: .stop, count: choices)
            while let event = try await answer.nextEvent() {
                switch event {
                case .prompt(let choice, let tokens): dialect.keep(tokens, choice: choice)
                case .delta(let choice, let delta): dialect.keep(delta, choice: choice)
                case .idle: continue
                case .finished(let choice, let reason): reasons[choice] = reason
                case .ended(let usage):
                    let answer = dialect.whole(reasons, usage: usage)
                    try await keep?(answer)
                    var response = Response.json(answer)
                    response.report(report)
                    return response
                }
            }
            throw APIError.internal("The answer ended without a reason.")
        }
    }

    private func stream<Dialect: AnswerDialect>(
        _ started: sending StartedAnswer<Dialect>, _ lease: ModelLease, _ context: ShimmyRequestContext
    ) -> Response {
        let (canceller, dialect, choices, keep) = (started.answer.canceller, started.dialect, started.choices, started.keep)
        let report = started.answer.report
        let consumer = OneConsumer(started.answer)
        var response = Response.events(context) { writer in
            defer { withExtendedLifetime(lease) {} }
            try await write(try consumer.take(), canceller, dialect, choices: choices, keep, to: &writer, context)
        }
        response.report(report)
        return response
    }

    /// A stream that begins before its model is there: comments tell how far it is.
    private func stream<Dialect: AnswerDialect>(
        _ pending: PendingLease, _ context: ShimmyRequestContext,
        _ start: @escaping @concurrent @Sendable (ModelLease) async throws -> sending StartedAnswer<Dialect>
    ) -> Response {
        .events(context) { writer in
            let lease = try await pending.lease(telling: &writer, context.channel)
            defer { withExtendedLifetime(lease) {} }
            let started = try await start(lease)
            let (canceller, dialect, choices, keep) = (started.answer.canceller, started.dialect, started.choices, started.keep)
            try await write(started.answer, canceller, dialect, choices: choices, keep, to: &writer, context)
        }
    }

    @concurrent private func write<Dialect: AnswerDialect>(
        _ answer: sending Answer, _ canceller: Answer.Canceller, _ dialect: Dialect, choices: Int, _ keep: Keep?,
        to writer: inout any ResponseBodyWriter,
        _ context: ShimmyRequestContext
    ) async throws {
        let pulse = Heartbeat(every: heartbeat, canceller.nudge)
        defer { pulse.stop() }
        try await context.channel.onDisconnect(canceller.cancel) {
            try await Self.write(answer, dialect, choices: choices, keep, to: &writer)
        }
    }

    @concurrent private static func write<Dialect: AnswerDialect>(
        _ answer: Answer, _ dialect: Dialect, choices: Int, _ keep: Keep?, to writer: inout any ResponseBodyWriter
    ) async throws {
        var dialect = dialect
        var reasons = [FinishReason](repeating: .stop, count: choices)
        let first = dialect.firstChunks().flatMap(ServerSentEvents.data)
        if !first.isEmpty { try await writer.write(ByteBuffer(bytes: first)) }
        while let event = try await answer.nextEvent() {
            switch event {
            case .prompt(let choice, let tokens):
                guard let chunk = dialect.chunk(tokens, choice: choice) else { continue }
                try await writer.write(ByteBuffer(bytes: ServerSentEvents.data(chunk)))
            case .delta(let choice, let delta):
                guard let chunk = dialect.chunk(delta, choice: choice) else { continue }
                try await writer.write(ByteBuffer(bytes: ServerSentEvents.data(chunk)))
            case .idle:
                try await writer.write(ByteBuffer(bytes: ServerSentEvents.ping))
            case .finished(let choice, let reason):
                reasons[choice] = reason
                try await writer.write(ByteBuffer(bytes: ServerSentEvents.data(dialect.lastChunk(reason, choice: choice))))
            case .ended(let usage):
                if let keep { try await keep(dialect.whole(reasons, usage: usage)) }
                let chunk = dialect.usageChunk(usage).map(ServerSentEvents.data) ?? []
                try await writer.write(ByteBuffer(bytes: chunk + ServerSentEvents.done))
            }
        }
    }
}
