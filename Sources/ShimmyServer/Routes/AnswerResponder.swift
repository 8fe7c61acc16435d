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

/// Answers a request with what a model says, whole or as a stream.
struct AnswerResponder: Sendable {
    let heartbeat: Duration

    /// Stores a whole answer. Its client hears of the end when that is done.
    typealias Keep = @Sendable (JSON) async throws -> Void

    /// - ignored: fields without effect, for the response's header.
    /// - keep: nil when the answer is not stored. The dialect of a stream must keep its chunks then.
    func respond<Dialect: AnswerDialect>(
        _ answer: sending Answer, _ lease: ModelLease, _ dialect: Dialect, choices: Int, streams: Bool, ignored: [String], keep: Keep? = nil,
        _ context: ShimmyRequestContext
    ) async throws -> Response {
        let canceller = answer.canceller
        let consumer = OneConsumer(answer)
        var response =
            streams
            ? stream(consumer, canceller, lease, dialect, choices: choices, keep, context)
            : try await whole(consumer, canceller, lease, dialect, choices: choices, keep, context)
        response.reportIgnored(ignored)
        return response
    }

    private func whole<Dialect: AnswerDialect>(
        _ consumer: OneConsumer<Answer>, _ canceller: Answer.Canceller, _ lease: ModelLease, _ dialect: Dialect, choices: Int,
        _ keep: Keep?, _ context: ShimmyRequestContext
    ) async throws -> Response {
        try await context.channel.onDisconnect(canceller.cancel) {
            defer { withExtendedLifetime(lease) {} }
            let answer = try consumer.take()
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
                    return .json(answer)
                }
            }
            throw APIError.internal("The answer ended without a reason.")
        }
    }

    private func stream<Dialect: AnswerDialect>(
        _ consumer: OneConsumer<Answer>, _ canceller: Answer.Canceller, _ lease: ModelLease, _ dialect: Dialect, choices: Int,
        _ keep: Keep?, _ context: ShimmyRequestContext
    ) -> Response {
        Response(
            status: .ok, headers: Response.streamHeaders,
            body: ResponseBody { writer in
                defer { withExtendedLifetime(lease) {} }
                let answer = try consumer.take()
                let pulse = Heartbeat(every: heartbeat, canceller.nudge)
                defer { pulse.stop() }
                try await context.channel.onDisconnect(canceller.cancel) {
                    do {
                        try await Self.write(answer, dialect, choices: choices, keep, to: &writer)
                    } catch let error where !(error is ChannelError) {
                        // The status is long gone: the error is an event, and no [DONE] follows.
                        let level: Logger.Level = error is CancellationError ? .debug : .error
                        context.logger.log(level: level, "stream failed", metadata: ["error": "\(error)"])
                        try await writer.write(ByteBuffer(bytes: ServerSentEvents.data(APIError(any: error).json)))
                    }
                }
                try await writer.finish(nil)
            })
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
