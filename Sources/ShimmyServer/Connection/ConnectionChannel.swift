import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import ShimmyCore

/// Sets up accepted connections: admission, size and time limits, HTTP/1.0 and HTTP/1.1.
struct ConnectionChannel: ServerChildChannel, HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    let responder: HTTPChannelHandler.Responder
    let use: ServerUse
    let routes: RouteTable

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let address = channel.remoteAddress?.ipAddress
            if use.openConnection(from: address) {
                channel.closeFuture.whenComplete { [use] _ in use.closeConnection(from: address) }
                try addHandlers(to: pipeline, logger)
            } else {
                try pipeline.addHandler(ConnectionRefusal())
            }
            return try NIOAsyncChannel(wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    private func addHandlers(to pipeline: ChannelPipeline.SynchronousOperations, _ logger: Logger) throws {
        let limits = use.limits
        var decoder = NIOHTTPDecoderLimitConfiguration()
        decoder.maxHeaderFieldSize = limits.headerBytes
        decoder.maxHeaderListSize = limits.headerBytes
        decoder.maxHeaderFieldCount = limits.headerFields
        try pipeline.addHandler(WriteDeadline(limits.writeTime, logger: logger))
        // The task that handles the connection takes pipelined requests one by one.
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false, withEncoderConfiguration: .init(),
            withDecoderLimitConfiguration: decoder)
        try pipeline.addHandler(ConnectionLife(use: use, routes: routes))
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        let expectation = ExpectContinueHandler(bodyLimit: limits.input.bodyBytes, routes: routes)
        try pipeline.addHandlers([ParserErrorHandler(), expectation, DisconnectMonitor()])
        try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: limits.requestTime + ConnectionLife.grace, logger: logger))
    }

    func handle(value asyncChannel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>, logger: Logger) async {
        await handleHTTP(asyncChannel: asyncChannel, logger: logger)
    }
}

/// Asks a client to retry later when the server is full, and closes the connection.
private final class ConnectionRefusal: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundOut = ByteBuffer

    /// How long to wait for the client's request. An answer that is sent before the request can get lost.
    private static let patience = TimeAmount.milliseconds(200)

    private static let answer: String = {
        let body =
            #"{"error":{"message":"The server has reached its limit on open connections. Try again in 1 s.","type":"server_error","param":null,"#
            + #""code":"too_many_connections"}}"#
        return "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n"
            + "retry-after: 1\r\nconnection: close\r\n\r\n\(body)"
    }()

    private var timer: Scheduled<Void>?
    private var isOver = false

    func channelActive(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: Self.patience) {
            let (handler, context) = bound.value
            handler.refuse(context)
        }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { refuse(context) }

    func channelInactive(context: ChannelHandlerContext) {
        isOver = true
        timer?.cancel()
        context.fireChannelInactive()
    }

    private func refuse(_ context: ChannelHandlerContext) {
        if isOver { return }
        isOver = true
        timer?.cancel()
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(string: Self.answer)))
            .whenComplete { _ in bound.value.close(promise: nil) }
    }
}

/// Keeps the server accepting after it failed to accept a single connection, for example when the process ran out of file descriptors.
final class AcceptErrors: ChannelInboundHandler {
    typealias InboundIn = NIOAny
    typealias InboundOut = NIOAny

    private let logger: Logger
    private var nextReport = NIODeadline.now()

    init(logger: Logger) { self.logger = logger }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is IOError else { return context.fireErrorCaught(error) }
        if NIODeadline.now() < nextReport { return }
        nextReport = .now() + .seconds(10)
        logger.warning("connection not accepted", metadata: ["error": "\(error)"])
    }
}
