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
    /// Fields whose values the model's preset replaced, for the response's header.
    let forced: [String]
}

/// Answers a request with a model's output, whole or as a stream.
struct AnswerResponder: Sendable {
    let models: ModelManager
    /// The interval of comments in an idle stream.
    let heartbeat: Duration
    /// How long a stream waits for a model to load before it starts. Errors in the prompt are found only with the model, and after the
    /// start of the stream they can no longer set the status.
    let silence: Duration

    /// - framing: the form of a stream's values.
    /// - failed: the values of a stream whose answer could not begin.
    /// - start: begins the answer once the model is loaded, and throws the errors in the request.
    func respond(
        to ask: ModelAsk, _ context: ShimmyRequestContext, framing: StreamFraming = .unnamed,
        failed: @escaping @Sendable (APIError) -> [JSON] = { [$0.json] },
        start: @escaping @concurrent @Sendable (ModelLease) async throws -> StartedAnswer
    ) async throws -> Response {
        var response: Response
        if ask.streams {
            let record = try await models.findUsable(ask.model, for: .chat)
            let pending = PendingLease(record, from: models, keepAlive: ask.keepAlive)
            if let lease = try await pending.lease(within: silence, context.channel) {
                let started = try await start(lease)
                response = .stream(started.stream)
                started.report(on: &response)
            } else {
                response = stream(after: pending, context, failed: { failed($0).flatMap(framing.frame) }, start: start)
            }
        } else {
            let started = try await start(try await context.acquire(ask.model, for: .chat, from: models, keepAlive: ask.keepAlive))
            response = try await started.whole()
            started.report(on: &response)
        }
        response.reportIgnored(ask.ignored)
        response.reportForced(ask.forced)
        return response
    }

    /// Returns a stream that begins before its model is loaded; comments report the load progress.
    private func stream(
        after pending: PendingLease, _ context: ShimmyRequestContext, failed: @escaping @Sendable (APIError) -> [UInt8],
        start: @escaping @concurrent @Sendable (ModelLease) async throws -> StartedAnswer
    ) -> Response {
        .stream { writer in
            let started: StartedAnswer
            do {
                started = try await start(try await pending.lease(telling: &writer, context.channel))
            } catch let error where !(error is ChannelError) {
                let mapped = APIError(any: error)
                context.logger.report("answer failed to start", error, as: mapped)
                return try await writer.write(ByteBuffer(bytes: failed(mapped)))
            }
            try await started.stream(&writer)
        }
    }
}

extension Response {
    /// Returns a stream of events. Errors are part of the stream: the status was already sent.
    static func stream(_ write: @escaping StartedAnswer.Stream) -> Response {
        Response(
            status: .ok, headers: streamHeaders,
            body: ResponseBody { writer in
                try await write(&writer)
                try await writer.finish(nil)
            })
    }
}
