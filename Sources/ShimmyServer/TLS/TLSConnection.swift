import Logging
import NIOCore
import NIOTLS

/// Follows the encryption of a connection and shows it to the handlers behind it like a connection without encryption: the handshake has a time
/// limit, errors of the encryption are disconnects, and closing the input closes the connection.
final class TLSConnection: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let handshakeTime: TimeAmount
    private let plainRequests: PlainRequestLog
    private let logger: Logger
    private var timer: Scheduled<Void>?
    private var isReady = false

    init(handshakeTime: Duration, plainRequests: PlainRequestLog, logger: Logger) {
        self.plainRequests = plainRequests
        self.handshakeTime = TimeAmount(handshakeTime)
        self.logger = logger
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: handshakeTime) { bound.value.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            isReady = true
            timer?.cancel()
        }
        // No handler of HTTP exists yet that could close the connection when the server stops.
        if event is ChannelShouldQuiesceEvent, !isReady { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if isReady { return context.fireErrorCaught(IOError.disconnected) }
        if "\(error)".contains("HTTP_REQUEST") { plainRequests.note(logger) }
        logger.debug("TLS handshake failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // TLS cannot close the input alone.
        context.close(mode: mode == .input ? .all : mode, promise: promise)
    }
}
