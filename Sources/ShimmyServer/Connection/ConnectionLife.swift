import NIOCore
import NIOHTTP1

/// Handles the version and the lifetime of a connection: compatibility with HTTP/1.0 clients, when the connection closes, and how many
/// bytes of an unread body are drained.
final class ConnectionLife: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// The max bytes of a body that are drained after its request was answered without it. If the body is longer, the connection closes.
    static let drainedBytes = 256 << 10
    /// How long a connection stays open after its last answer, so that a client that is still sending can read the answer.
    private static let lingerTime = TimeAmount.seconds(1)

    private struct Exchange {
        let version: HTTPVersion
        /// Whether the connection closes after the response.
        var closes: Bool
    }

    private let use: ServerUse
    private let routes: RouteTable
    /// Requests whose response is not complete, in order of arrival.
    private var exchanges = CircularBuffer<Exchange>()
    /// The time limit of the newest request's body.
    private let body: BodyTimer
    /// Remaining bytes of that body; nil if its length was not announced.
    private var announced: Int?
    private var drained = 0
    private var isLingering = false

    /// - routes: determine which bodies are files.
    init(use: ServerUse, routes: RouteTable) {
        self.use = use
        self.routes = routes
        body = BodyTimer(limit: use.limits.requestTime)
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isLingering { return }
        switch unwrapInboundIn(data) {
        case .head(var head):
            begin(&head, context)
            context.fireChannelRead(wrapInboundOut(.head(head)))
        case .body(let buffer):
            announced = announced.map { $0 - buffer.readableBytes }
            body.didRead(buffer.readableBytes)
            if exchanges.isEmpty {
                drained += buffer.readableBytes
                if drained > Self.drainedBytes { return linger(context) }
            }
            context.fireChannelRead(data)
        case .end:
            body.end()
            context.fireChannelRead(data)
        }
    }

    private func begin(_ head: inout HTTPRequestHead, _ context: ChannelHandlerContext) {
        let closes = !head.isKeepAlive
        // The task that handles the connection only recognizes this spelling.
        if closes { head.headers.replaceOrAdd(name: "connection", value: "close") }
        // HTTP/1.0 clients may omit the Host header. A browser always sends it, so that this does not weaken the Host check.
        if head.version.isOld, !head.headers.contains(name: "host") { head.headers.add(name: "host", value: "localhost") }
        // The framework would use only the first Host header, and a proxy may have used another one (RFC 9112, section 3.2).
        let hosts = head.headers["host"]
        if hosts.count > 1 {
            head.headers.replaceOrAdd(name: "host", value: hosts.joined(separator: ","))
        } else if let target = Self.authority(of: head) {
            head.headers.replaceOrAdd(name: "host", value: target)
        }
        // Pipelined requests that wait are not in flight yet.
        if exchanges.isEmpty { use.beginRequest() }
        // The parser reads nothing behind a request for another protocol.
        let upgrades = head.headers.contains(name: "upgrade") && head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
        exchanges.append(Exchange(version: head.version, closes: closes || upgrades || head.method == .CONNECT))
        drained = 0
        announced = head.headers.contains(name: "transfer-encoding") ? nil : head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        let isEmpty = announced == 0
        body.begin(isEmpty: isEmpty, isUpload: !isEmpty && routes.isUpload(head.method.rawValue, head.uri[...]), context)
    }

    /// Returns the authority in a request's target, which counts instead of the Host header (RFC 9112, section 3.2); nil if there is none.
    private static func authority(of head: HTTPRequestHead) -> String? {
        if head.method == .CONNECT { return head.uri }
        guard !head.uri.hasPrefix("/"), let mark = head.uri.firstRange(of: "://") else { return nil }
        return String(head.uri[mark.upperBound...].prefix { !"/?#".contains($0) })
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        if isLingering { context.read() }
    }

    // MARK: Responses

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.code >= 200:
            decide(&head)
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            let exchange = exchanges.popFirst()
            if exchange != nil, exchanges.isEmpty { use.endRequest() }
            guard exchange?.closes == true else { return context.write(data, promise: promise) }
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.whenComplete { _ in
                let (life, context) = bound.value
                if life.body.isArriving { life.linger(context) } else { context.close(promise: nil) }
            }
            written.futureResult.cascade(to: promise)
            context.writeAndFlush(data, promise: written)
        default: context.write(data, promise: promise)
        }
    }

    /// Decides whether the connection stays open after the oldest response, and sets the response's headers accordingly.
    private func decide(_ head: inout HTTPResponseHead) {
        guard var exchange = exchanges.first else { return }
        let isOld = exchange.version.isOld
        let isLeftUnread = body.isArriving && exchanges.count == 1 && announced ?? 0 > Self.drainedBytes
        // For an HTTP/1.0 client, the end of the connection marks the end of a response without a length.
        let isOpenEnded = isOld && !head.headers.contains(name: "content-length") && head.status.mayHaveResponseBody
        if isLeftUnread || isOpenEnded || head.headers[canonicalForm: "connection"].contains("close") { exchange.closes = true }
        exchanges[exchanges.startIndex] = exchange
        head.version = isOld ? .http1_0 : .http1_1
        if exchange.closes {
            head.headers.replaceOrAdd(name: "connection", value: "close")
        } else if isOld {
            head.headers.replaceOrAdd(name: "connection", value: "keep-alive")
        }
    }

    // MARK: The end

    /// Closes the output side and drains input for a moment. Closing a connection while its client sends would reset it, and the client
    /// could lose the answer.
    private func linger(_ context: ChannelHandlerContext) {
        if isLingering { return }
        isLingering = true
        context.close(mode: .output, promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.lingerTime) { bound.value.close(promise: nil) }
        context.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isLingering, case ChannelEvent.inputClosed = event { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        leaveHTTP()
        context.fireChannelInactive()
    }

    /// Ends the handling of requests, because the connection closed or became a WebSocket.
    func leaveHTTP() {
        body.cancel()
        if !exchanges.isEmpty { use.endRequest() }
        exchanges = []
    }
}

extension HTTPVersion {
    /// Whether the version is older than HTTP/1.1.
    fileprivate var isOld: Bool { major < 1 || (major == 1 && minor < 1) }
}

extension HTTPResponseStatus {
    fileprivate var mayHaveResponseBody: Bool { code != 204 && code != 304 }
}
