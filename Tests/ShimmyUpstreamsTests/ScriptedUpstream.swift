import NIOCore
import NIOPosix
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyUpstreams
import Synchronization

/// A server in this process that answers requests with scripted bytes.
final class ScriptedUpstream: Sendable {
    struct Request: Sendable {
        /// The method and the path.
        let line: String
        let head: String
        let body: [UInt8]

        var path: String { line.split(separator: " ").dropFirst().first.map { String($0) } ?? "" }
        var json: JSON { (try? JSON.parse(body)) ?? .null }
    }

    struct Reply: Sendable {
        var bytes: [UInt8]
        /// Whether the connection is closed after the bytes.
        var closes = false

        /// Makes a whole response.
        static func json(_ json: JSON, status: Int = 200, headers: String = "") -> Reply { text(json.text, status: status, headers: headers) }

        static func text(_ text: String, status: Int = 200, headers: String = "") -> Reply {
            let head = "HTTP/1.1 \(status) X\r\ncontent-type: application/json\r\n\(headers)content-length: \(text.utf8.count)\r\n\r\n"
            return Reply(bytes: Array((head + text).utf8))
        }

        /// Makes a stream.
        /// - isComplete: whether the response ends; otherwise it stays open.
        static func stream(_ text: String, isComplete: Bool = true) -> Reply {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            let chunk = text.isEmpty ? "" : String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n"
            return Reply(bytes: Array((head + chunk + (isComplete ? "0\r\n\r\n" : "")).utf8))
        }

        /// The response up to this number of bytes, after which the connection is closed.
        func cut(at end: Int) -> Reply { Reply(bytes: Array(bytes.prefix(end)), closes: true) }
    }

    /// Fires when a client has closed a connection.
    let closed = Signal()
    private let state = Mutex<[Request]>([])
    private let script: @Sendable (Request, Int) -> Reply

    var requests: [Request] { state.withLock { $0 } }

    private init(_ script: @escaping @Sendable (Request, Int) -> Reply) { self.script = script }

    fileprivate func reply(to request: Request) -> Reply {
        let number = state.withLock { requests in
            requests.append(request)
            return requests.count - 1
        }
        return script(request, number)
    }

    /// Runs `body` with an endpoint that calls a server with a script.
    /// - script: returns the reply to a request. The second argument is the number of requests before it.
    static func with(
        _ kind: UpstreamKind = .vllm, settings change: (inout UpstreamSettings) -> Void = { _ in },
        script: @escaping @Sendable (Request, Int) -> Reply, _ body: (UpstreamEndpoint, ScriptedUpstream) async throws -> Void
    ) async throws {
        let server = ScriptedUpstream(script)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(ScriptHandler(server)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        var settings = UpstreamSettings(name: "box", url: "http://127.0.0.1:\(channel.localAddress?.port ?? 0)")
        settings.key = "secret-key"
        // A busy machine is slow.
        (settings.checkSeconds, settings.shortSeconds, settings.connectSeconds) = (3600, 3600, 3600)
        change(&settings)
        let client = UpstreamClient()
        do {
            try await body(UpstreamEndpoint(settings, kind: kind, client: client), server)
        } catch {
            await client.shutdown()
            try? await channel.close().get()
            throw error
        }
        await client.shutdown()
        try? await channel.close().get()
    }
}

/// Reads requests with a body of a given length, and writes the replies.
private final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let server: ScriptedUpstream
    private var received: [UInt8] = []

    init(_ server: ScriptedUpstream) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytesView
        while let request = next() {
            let reply = server.reply(to: request)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: reply.bytes)), promise: nil)
            if reply.closes { context.close(promise: nil) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) { server.closed.fire() }

    private func next() -> ScriptedUpstream.Request? {
        guard let end = received.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let head = String(decoding: received[..<end.lowerBound], as: UTF8.self)
        let lines = head.split(separator: "\r\n")
        let length = lines.first { $0.lowercased().hasPrefix("content-length:") }.flatMap { Int($0.dropFirst(15).filter { $0 != " " }) } ?? 0
        guard received.count >= end.upperBound + length else { return nil }
        let body = Array(received[end.upperBound..<end.upperBound + length])
        received.removeFirst(end.upperBound + length)
        return ScriptedUpstream.Request(line: lines.first.map { String($0) } ?? "", head: head, body: body)
    }
}

/// Returns the events of an answer without its facts.
func read(_ answer: Answer) async throws -> [AnswerEvent] {
    var events: [AnswerEvent] = []
    while let event = try await answer.nextEvent() {
        if case .fact = event { continue }
        events.append(event)
    }
    return events
}

/// Returns the failure of `body`; nil if it throws none.
func failure(_ body: () async throws -> Void) async throws -> UpstreamFailure? {
    do {
        try await body()
        return nil
    } catch let failure as UpstreamFailure {
        return failure
    }
}

extension UpstreamEndpoint {
    /// Requests an answer to a short conversation.
    func answer(_ request: ChatRequest = ChatRequest(messages: [ChatMessage(.user, "hi")])) async throws -> sending Answer {
        try await generate(request, model: "m", terms: ServiceTerms(), context: UpstreamContext())
    }
}

/// Returns a stream of events with this data.
func stream(_ events: [String]) -> String { events.map { "data: \($0)\n\n" }.joined() }

/// A short answer in chunks, with its end.
let shortAnswer = stream([
    #"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
    #"{"choices":[{"index":0,"delta":{"content":"Hé"}}]}"#,
    #"{"choices":[{"index":0,"delta":{"content":"llo"}}]}"#,
    #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    #"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":3}}}"#,
    "[DONE]",
])

let shortEvents: [AnswerEvent] = [
    .delta(choice: 0, .content("Hé")), .delta(choice: 0, .content("llo")), .finished(choice: 0, .stop),
    .ended(Usage(promptTokens: 5, cachedPromptTokens: 3, completionTokens: 2)),
]
