import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyModels

/// `POST /v1/chat/completions`, whole and streamed.
struct ChatRoutes: Sendable {
    let models: ModelManager
    let body: JSONBodyReader
    let heartbeat: Duration

    var routes: [Route] { [Route(path: "/chat/completions", method: .post, isOpenAI: true, handler: complete)] }

    @Sendable private func complete(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try ChatCompletionRequest(try await body.read(request))
        let lease = try await models.acquire(decoded.model)
        // Everything that can be wrong with the request is found here, while there still is a status to say it with.
        let terms = ServiceTerms(owner: context.owner, isFlex: decoded.isFlex)
        let answer = try await lease.backend.generate(decoded.chat, terms: terms)
        let encoder = ChatCompletionEncoder(
            id: ChatCompletionEncoder.newID(), created: UnixTime.now, model: decoded.model, fingerprint: lease.backend.fingerprint,
            serviceTier: decoded.isFlex ? "flex" : "default", includeUsage: decoded.includeUsage, dialect: decoded.dialect,
            tellsLogprobs: decoded.chat.sampling.logprobs != nil)
        var response: Response
        let canceller = answer.canceller
        let consumer = OneConsumer(answer)
        if decoded.stream {
            response = stream(
                consumer, canceller, lease, ChatStream(encoder: encoder, dialect: decoded.dialect, choices: decoded.chat.choices), context)
        } else {
            response = try await whole(consumer, canceller, lease, encoder, decoded, context)
        }
        if !decoded.ignoredParameters.isEmpty {
            response.headers[.ignoredParameters] = decoded.ignoredParameters.map(Self.headerSafe).joined(separator: ", ")
        }
        return response
    }

    private func whole(
        _ consumer: OneConsumer<Answer>, _ canceller: Answer.Canceller, _ lease: ModelLease, _ encoder: ChatCompletionEncoder,
        _ request: ChatCompletionRequest, _ context: ShimmyRequestContext
    ) async throws -> Response {
        try await context.channel.onDisconnect(canceller.cancel) {
            defer { withExtendedLifetime(lease) {} }
            let answer = try consumer.take()
            var dialects = (0..<request.chat.choices).map { _ in MessageDialect(request.dialect) }
            var messages = dialects.map { _ in AnswerMessage() }
            var reasons: [Int: FinishReason] = [:]
            while let event = try await answer.nextEvent() {
                switch event {
                case .delta(let choice, let delta):
                    if let delta = dialects[choice].map(delta) { messages[choice].append(delta) }
                case .idle: continue
                case .finished(let choice, let reason): reasons[choice] = reason
                case .ended(let usage):
                    let choices = reasons.sorted { $0.key < $1.key }.map { (message: messages[$0.key], reason: $0.value) }
                    return .json(encoder.whole(choices: choices, usage: usage))
                }
            }
            throw APIError.internal("The answer ended without a reason.")
        }
    }

    private func stream(
        _ consumer: OneConsumer<Answer>, _ canceller: Answer.Canceller, _ lease: ModelLease, _ chat: ChatStream,
        _ context: ShimmyRequestContext
    ) -> Response {
        let headers: HTTPFields = [
            .contentType: "text/event-stream", .cacheControl: "no-cache", .accelBuffering: "no", .connection: "keep-alive",
        ]
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                defer { withExtendedLifetime(lease) {} }
                let answer = try consumer.take()
                let pulse = Heartbeat(every: heartbeat, canceller.nudge)
                defer { pulse.stop() }
                try await context.channel.onDisconnect(canceller.cancel) {
                    do {
                        try await chat.write(answer, to: &writer)
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

    /// Field names are the client's own words: nothing of them may end a header.
    private static func headerSafe(_ name: String) -> String {
        String(name.unicodeScalars.prefix(64).map { $0.isASCII && $0.value > 32 && $0.value != 127 && $0 != "," ? Character($0) : "?" })
    }
}

/// Writes the events of one answer as chunks.
struct ChatStream: Sendable {
    let encoder: ChatCompletionEncoder
    let dialect: CallDialect
    let choices: Int

    @concurrent func write(_ answer: Answer, to writer: inout any ResponseBodyWriter) async throws {
        // The roles go out before the prompt is computed: the client sees at once that it was heard.
        try await writer.write(ByteBuffer(bytes: (0..<choices).flatMap { ServerSentEvents.data(encoder.firstChunk(choice: $0)) }))
        var dialects = (0..<choices).map { _ in MessageDialect(dialect) }
        while let event = try await answer.nextEvent() {
            switch event {
            case .delta(let choice, let delta):
                guard let delta = dialects[choice].map(delta) else { continue }
                try await writer.write(ByteBuffer(bytes: ServerSentEvents.data(encoder.chunk(delta, choice: choice))))
            case .idle:
                try await writer.write(ByteBuffer(bytes: ServerSentEvents.ping))
            case .finished(let choice, let reason):
                try await writer.write(ByteBuffer(bytes: ServerSentEvents.data(encoder.lastChunk(reason, choice: choice))))
            case .ended(let usage):
                let chunk = encoder.usageChunk(usage).map(ServerSentEvents.data) ?? []
                try await writer.write(ByteBuffer(bytes: chunk + ServerSentEvents.done))
            }
        }
    }
}
