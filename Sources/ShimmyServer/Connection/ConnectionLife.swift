import NIOCore
import NIOHTTP1

/// Keeps to the version and the life of a connection: what HTTP/1.0 clients understand, when a connection closes, and how much of a
/// body that nobody reads is taken.
final class ConnectionLife: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Bytes of a body that are read though the request was answered without it; beyond them the connection is closed.
    private static let drainedBytes = 256 << 10
    /// How long a connection is kept after its last answer, so that a client that still sends can read it.
    private static let lingerTime = TimeAmount.seconds(1)
    /// Between the end of a client's time and the end of its connection: so long may the answer that says so take to be written.
    static let grace = Duration.seconds(5)

    private struct Exchange {
        let version: HTTPVersion
        /// Whether the connection closes after the response.
        var closes: Bool
    }

    private let use: ServerUse
    /// Requests whose response is not complete, in their order.
    private var exchanges = CircularBuffer<Exchange>()
    /// Whether the body of the newest request is not complete.
    private var isBodyArriving = false
    /// Bytes of that body that are still to come; nil where it does not say.
    private var announced: Int?
    private var drained = 0
    private var isLingering = false
    private var bodyTimer: Scheduled<Void>?

    init(use: ServerUse) { self.use = use }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isLingering { return }
        switch unwrapInboundIn(data) {
        case .head(var head):
            begin(&head, context)
            context.fireChannelRead(wrapInboundOut(.head(head)))
        case .body(let buffer):
            announced = announced.map { $0 - buffer.readableBytes }
            if exchanges.isEmpty {
                drained += buffer.readableBytes
                if drained > Self.drainedBytes { return linger(context) }
            }
            context.fireChannelRead(data)
        case .end:
            isBodyArriving = false
            bodyTimer?.cancel()
            context.fireChannelRead(data)
        }
    }

    private func begin(_ head: inout HTTPRequestHead, _ context: ChannelHandlerContext) {
        let closes = !head.isKeepAlive
        // The task that handles the connection knows this spelling only.
        if closes { head.headers.replaceOrAdd(name: "connection", value: "close") }
        // Clients of HTTP/1.0 need not say whom they call. A browser always does.
        if head.version.isOld, !head.headers.contains(name: "host") { head.headers.add(name: "host", value: "localhost") }
        // Only the first would be looked at, and a proxy may have looked at another one (RFC 9112, 3.2).
        let hosts = head.headers["host"]
        if hosts.count > 1 { head.headers.replaceOrAdd(name: "host", value: hosts.joined(separator: ",")) }
        // Those that wait in a pipeline are not in flight yet.
        if exchanges.isEmpty { use.beginRequest() }
        exchanges.append(Exchange(version: head.version, closes: closes))
        (isBodyArriving, drained) = (true, 0)
        announced = head.headers.contains(name: "transfer-encoding") ? nil : head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        if announced == 0 { return }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        bodyTimer = context.eventLoop.scheduleTask(in: TimeAmount(use.limits.requestTime)) {
            let (life, context) = bound.value
            life.endSlowBody(context)
        }
    }

    /// Whoever reads the body learns that its time is over, and answers. The connection closes also if nobody does.
    private func endSlowBody(_ context: ChannelHandlerContext) {
        guard isBodyArriving else { return }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        bodyTimer = context.eventLoop.scheduleTask(in: TimeAmount(Self.grace)) {
            let (life, context) = bound.value
            if life.isBodyArriving { context.close(promise: nil) }
        }
        context.fireErrorCaught(BodyTimeout())
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
                if life.isBodyArriving { life.linger(context) } else { context.close(promise: nil) }
            }
            written.futureResult.cascade(to: promise)
            context.writeAndFlush(data, promise: written)
        default: context.write(data, promise: promise)
        }
    }

    /// Decides whether the connection goes on after the oldest response, and says so.
    private func decide(_ head: inout HTTPResponseHead) {
        guard var exchange = exchanges.first else { return }
        let isOld = exchange.version.isOld
        let isLeftUnread = isBodyArriving && exchanges.count == 1 && announced ?? 0 > Self.drainedBytes
        // Without a length the end of the connection is the end of an old client's response.
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

    /// Says that nothing more is written, and reads for a moment what still comes: a connection that is closed while its client sends is reset,
    /// and the client may lose the answer.
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
        bodyTimer?.cancel()
        if !exchanges.isEmpty { use.endRequest() }
        exchanges = []
        context.fireChannelInactive()
    }
}

/// A body took longer than `ServerLimits.requestTime`.
struct BodyTimeout: Error {}

extension HTTPVersion {
    /// Before HTTP/1.1.
    fileprivate var isOld: Bool { major < 1 || (major == 1 && minor < 1) }
}

extension HTTPResponseStatus {
    fileprivate var mayHaveResponseBody: Bool { code != 204 && code != 304 }
}
