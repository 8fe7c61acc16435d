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
    let proxies: TrustedProxies

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            if admits(channel) { return try setUp(channel, logger) }
            try channel.pipeline.syncOperations.addHandler(ConnectionRefusal())
            return try Self.wrap(channel)
        }
    }

    /// Counts a connection until it closes. Returns false if a limit does not allow it.
    func admits(_ channel: any Channel) -> Bool {
        // Behind a trusted proxy there are many clients.
        let address = channel.remoteAddress?.ipAddress.flatMap { proxies.trusts($0) ? nil : $0 }
        guard use.openConnection(from: address) else { return false }
        channel.closeFuture.whenComplete { [use] _ in use.closeConnection(from: address) }
        return true
    }

    /// Sets up HTTP/1.1 on an admitted connection.
    /// - isEncrypted: whether the client uses `https`.
    func setUp(_ channel: any Channel, _ logger: Logger, isEncrypted: Bool = false) throws -> Value {
        try addHandlers(to: channel.pipeline.syncOperations, logger, isEncrypted)
        return try Self.wrap(channel)
    }

    private static func wrap(_ channel: any Channel) throws -> Value {
        try NIOAsyncChannel(wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }

    private func addHandlers(to pipeline: ChannelPipeline.SynchronousOperations, _ logger: Logger, _ isEncrypted: Bool) throws {
        let limits = use.limits
        var decoder = NIOHTTPDecoderLimitConfiguration()
        decoder.maxHeaderFieldSize = limits.headerBytes
        decoder.maxHeaderListSize = limits.headerBytes
        decoder.maxHeaderFieldCount = limits.headerFields
        try pipeline.addHandler(WriteDeadline(limits.writeTime, logger: logger))
        // The task that handles the connection takes pipelined requests one by one. The bytes behind a handshake are frames of the WebSocket.
        let parser = HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: decoder)
        let unparsed = limits.headerBytes + limits.earlyBytes
        try pipeline.addHandlers([HTTPResponseEncoder(), ByteToMessageHandler(parser, maximumBufferSize: unparsed)])
        try pipeline.addHandler(ConnectionLife(use: use, routes: routes))
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: isEncrypted))
        let expectation = ExpectContinueHandler(bodyLimit: limits.input.bodyBytes, routes: routes)
        try pipeline.addHandlers([ParserErrorHandler(), expectation, DisconnectMonitor()])
        try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: limits.requestTime + BodyTimer.grace, logger: logger))
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
