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
        let generation = try await lease.backend.generate(decoded.chat)
        let encoder = ChatCompletionEncoder(
            id: ChatCompletionEncoder.newID(), created: UnixTime.now, model: decoded.model, fingerprint: lease.backend.fingerprint,
            includeUsage: decoded.includeUsage)
        var response: Response
        let canceller = generation.canceller
        let consumer = OneConsumer(generation)
        if decoded.stream {
            response = stream(consumer, canceller, lease, encoder, context)
        } else {
            response = try await whole(consumer, canceller, lease, encoder, context)
        }
        if !decoded.ignoredParameters.isEmpty {
            response.headers[.ignoredParameters] = decoded.ignoredParameters.map(Self.headerSafe).joined(separator: ", ")
        }
        return response
    }

    private func whole(
        _ consumer: OneConsumer<Generation>, _ canceller: Generation.Canceller, _ lease: ModelLease, _ encoder: ChatCompletionEncoder,
        _ context: ShimmyRequestContext
    ) async throws -> Response {
        try await context.channel.onDisconnect(canceller.cancel) {
            defer { withExtendedLifetime(lease) {} }
            let generation = try consumer.take()
            var text = ""
            while let event = try await generation.next() {
                switch event {
                case .text(let more): text += more
                case .idle: continue
                case .finished(let reason, let usage): return .json(encoder.whole(text: text, reason: reason, usage: usage))
                }
            }
            throw APIError.internal("The answer ended without a reason.")
        }
    }

    private func stream(
        _ consumer: OneConsumer<Generation>, _ canceller: Generation.Canceller, _ lease: ModelLease, _ encoder: ChatCompletionEncoder,
        _ context: ShimmyRequestContext
    ) -> Response {
        let headers: HTTPFields = [
            .contentType: "text/event-stream", .cacheControl: "no-cache", .accelBuffering: "no", .connection: "keep-alive",
        ]
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                defer { withExtendedLifetime(lease) {} }
                let generation = try consumer.take()
                let pulse = Heartbeat(every: heartbeat, canceller.nudge)
                defer { pulse.stop() }
                try await context.channel.onDisconnect(canceller.cancel) {
                    do {
                        try await ChatStream(encoder: encoder).write(generation, to: &writer)
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
struct ChatStream {
    let encoder: ChatCompletionEncoder

    @concurrent func write(_ generation: Generation, to writer: inout any ResponseBodyWriter) async throws {
        // The role goes out before the prompt is computed: the client sees at once that it was heard.
        try await writer.write(ByteBuffer(bytes: ServerSentEvents.data(encoder.firstChunk())))
        while let event = try await generation.next() {
            switch event {
            case .text(let text):
                try await writer.write(ByteBuffer(bytes: ServerSentEvents.data(encoder.textChunk(text))))
            case .idle:
                try await writer.write(ByteBuffer(bytes: ServerSentEvents.ping))
            case .finished(let reason, let usage):
                var bytes = ServerSentEvents.data(encoder.lastChunk(reason))
                if let chunk = encoder.usageChunk(usage) { bytes += ServerSentEvents.data(chunk) }
                try await writer.write(ByteBuffer(bytes: bytes + ServerSentEvents.done))
            }
        }
    }
}
