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
    private var isBodyArriving = false
    private var isAnswered = false
    /// The bytes of an uploaded file since its time limit began; nil for other bodies.
    private var uploaded: Int?
    private var drained = 0
    private var bodyTimer: Scheduled<Void>?
    private var writeTimer: Scheduled<Void>?

    init(use: ServerUse, routes: RouteTable, logger: Logger) {
        self.use = use
        self.routes = routes
        self.logger = logger
    }

    // MARK: The request

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(var head):
            for name in Self.connectionFields { head.headerFields[name] = nil }
            Self.mergeHost(&head)
            use.beginRequest()
            (isInFlight, isBodyArriving) = (true, true)
            uploaded = routes.isUpload(head.method.rawValue, (head.path ?? "")[...]) ? 0 : nil
            limitBody(context)
            context.fireChannelRead(wrapInboundOut(.head(head)))
        case .body(let buffer):
            uploaded = uploaded.map { $0 &+ buffer.readableBytes }
            if isAnswered {
                drained += buffer.readableBytes
                // Some clients read no response before they have sent their whole body.
                if drained > use.limits.input.bodyBytes { return reset(context) }
            }
            context.fireChannelRead(data)
        case .end:
            isBodyArriving = false
            bodyTimer?.cancel()
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

    private func limitBody(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        bodyTimer = context.eventLoop.scheduleTask(in: TimeAmount(use.limits.requestTime)) {
            let (life, context) = bound.value
            life.endSlowBody(context)
        }
    }

    /// Reports the timeout to the reader of the body, which answers the request. The stream closes even if nothing answers.
    private func endSlowBody(_ context: ChannelHandlerContext) {
        guard isBodyArriving else { return }
        if isAnswered { return reset(context) }
        if let uploaded, uploaded >= ConnectionLife.uploadBytes {
            self.uploaded = 0
            return limitBody(context)
        }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        bodyTimer = context.eventLoop.scheduleTask(in: TimeAmount(ConnectionLife.grace)) {
            let (life, context) = bound.value
            if life.isBodyArriving { context.close(promise: nil) }
        }
        context.fireErrorCaught(BodyTimeout())
    }

    /// Ends a stream whose request is answered, so that the client sends no more of it.
    private func reset(_ context: ChannelHandlerContext) {
        bodyTimer?.cancel()
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
        bodyTimer?.cancel()
        writeTimer?.cancel()
        endRequest()
        // Without an error, the reader would take a body that was cut off for a complete one.
        if isBodyArriving { context.fireErrorCaught(IOError.disconnected) }
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        bodyTimer?.cancel()
        writeTimer?.cancel()
    }
}
