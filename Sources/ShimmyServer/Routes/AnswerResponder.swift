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

/// The model that a request asks for, and the form of its answer.
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
    /// Stores the answer; nil if it is not stored. If it is set, the dialect of a stream must keep its chunks.
    var keep: AnswerResponder.Keep?
}

/// Answers a request with a model's output, whole or as a stream.
struct AnswerResponder: Sendable {
    let models: ModelManager
    let heartbeat: Duration
    /// How long a stream waits for a model to load before it starts. Errors in the prompt are found only with the model, and after the
    /// start of the stream they can no longer set the status.
    let silence: Duration

    /// Stores a whole answer. The client gets the end of the answer after this has succeeded.
    typealias Keep = @Sendable (JSON) async throws -> Void

    /// - start: begins the answer once the model is loaded, and throws the errors in the request.
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

    /// Returns a stream that begins before its model is loaded; comments report the load progress.
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
