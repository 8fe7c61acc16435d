import HTTPTypes
import Logging
import NIOCore
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP2
import ShimmyCore

/// Handles the lifetime of an HTTP/2 stream: time limits of its request's body and of the client's reading, how many bytes of an unread body are
/// drained, and the stream's end. `ConnectionLife` and `WriteDeadline` do the same for HTTP/1.1.
final class StreamLife: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// The fields about the connection, which HTTP/2 does not have (RFC 9113, section 8.2.2).
    private static let connectionFields = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"].compactMap {
        HTTPField.Name($0)
    }

    private static let hostField = HTTPField.Name("host")!

    private let use: ServerUse
    private let routes: RouteTable
    private let logger: Logger
    /// Whether the request counts as one in flight.
    private var isInFlight = false
    private var isAnswered = false
    /// The time limit of the request's body.
    private let body: BodyTimer
    private var drained = 0
    private var writeTimer: Scheduled<Void>?

    init(use: ServerUse, routes: RouteTable, logger: Logger) {
        self.use = use
        self.routes = routes
        self.logger = logger
        body = BodyTimer(limit: use.limits.requestTime)
    }

    // MARK: The request

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(var head):
            for name in Self.connectionFields { head.headerFields[name] = nil }
            Self.mergeHost(&head)
            use.beginRequest()
            isInFlight = true
            body.begin(isUpload: routes.isUpload(head.method.rawValue, (head.path ?? "")[...]), context)
            context.fireChannelRead(wrapInboundOut(.head(head)))
        case .body(let buffer):
            body.didRead(buffer.readableBytes)
            if isAnswered {
                drained += buffer.readableBytes
                // Some clients read no response before they have sent their whole body.
                if drained > use.limits.input.bodyBytes {
                    body.cancel()
                    return Self.reset(context)
                }
            }
            context.fireChannelRead(data)
        case .end:
            body.end()
            context.fireChannelRead(data)
        }
    }

    /// Takes the authority from the Host field, which clients may send instead (RFC 9113, section 8.3.1).
    private static func mergeHost(_ head: inout HTTPRequest) {
        guard let host = head.headerFields[hostField] else { return }
        head.headerFields[hostField] = nil
        // Like several Host headers of HTTP/1.1.
        if let authority = head.authority, authority.lowercased() != host.lowercased() { head.authority = "\(authority),\(host)" }
        if head.authority == nil { head.authority = host }
    }

    /// Ends a stream whose request is answered, so that the client sends no more of it.
    private static func reset(_ context: ChannelHandlerContext) {
        context.triggerUserOutboundEvent(NIOHTTP2FramePayloadToHTTPEvent.reset(code: .noError), promise: nil)
    }

    // MARK: The response

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            for name in Self.connectionFields { head.headerFields[name] = nil }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            isAnswered = true
            body.endAnswered = Self.reset
            endRequest()
            context.write(data, promise: promise)
        case .body: context.write(data, promise: promise)
        }
    }

    private func endRequest() {
        if isInFlight { use.endRequest() }
        isInFlight = false
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            writeTimer?.cancel()
            writeTimer = nil
        } else if writeTimer == nil {
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            writeTimer = context.eventLoop.scheduleTask(in: TimeAmount(use.limits.writeTime)) {
                let (life, context) = bound.value
                life.logger.info("stream closed: the client stopped reading")
                context.close(promise: nil)
            }
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: The end

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset by the client, the end of the connection, or a violation of the protocol.
        context.fireErrorCaught(IOError.disconnected)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        body.cancel()
        writeTimer?.cancel()
        endRequest()
        // Without an error, the reader would take a body that was cut off for a complete one.
        if body.isArriving { context.fireErrorCaught(IOError.disconnected) }
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        body.cancel()
        writeTimer?.cancel()
    }
}
