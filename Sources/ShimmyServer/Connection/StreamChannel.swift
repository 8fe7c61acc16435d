import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP2
import ShimmyCore

/// Sets up HTTP/2 connections, whose streams each carry one request. A stream is a channel with the same handlers of requests as a connection.
struct StreamChannel: Sendable {
    typealias Streams = NIOHTTP2Handler.AsyncStreamMultiplexer<ConnectionChannel.Value>

    private let requests: ConnectionChannel

    init(_ requests: ConnectionChannel) { self.requests = requests }

    private var limits: ServerLimits { requests.use.limits }

    func setUp(_ channel: any Channel, _ logger: Logger) throws -> Streams {
        let pipeline = channel.pipeline.syncOperations
        let (idle, grace) = (TimeAmount(limits.requestTime), TimeAmount(BodyTimer.grace))
        let manager = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: channel.eventLoop, configuration: .init(maxIdleTime: idle, maxAge: nil, maxGraceTime: nil, keepalive: nil))
        let idleness = StreamIdleness(idle + grace)
        let delegate = StreamDelegate(manager: manager.http2StreamDelegate, idleness: NIOLoopBound(idleness, eventLoop: channel.eventLoop))
        try pipeline.addHandler(WriteDeadline(limits.writeTime, logger: logger))
        let streams: Streams = try pipeline.configureAsyncHTTP2Pipeline(
            mode: .server, streamDelegate: delegate, configuration: configuration
        ) { stream in
            stream.eventLoop.makeCompletedFuture { try setUp(stream: stream, logger) }
        }
        try pipeline.addHandler(manager)
        try pipeline.addHandler(idleness)
        // The channel has been active since before the handshake, so the manager would never get its first event.
        manager.channelActive(context: try pipeline.context(handler: manager))
        return streams
    }

    /// The library's own limits bound resets (200 in 30 s), control frames and CONTINUATION frames.
    private var configuration: NIOHTTP2Handler.Configuration {
        var configuration = NIOHTTP2Handler.Configuration()
        configuration.connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.connectionStreams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.headerBytes),
        ]
        return configuration
    }

    private func setUp(stream: any Channel, _ logger: Logger) throws -> ConnectionChannel.Value {
        let pipeline = stream.pipeline.syncOperations
        try pipeline.addHandler(HTTP2FramePayloadToHTTPServerCodec())
        try pipeline.addHandler(StreamLife(use: requests.use, routes: requests.routes, logger: logger))
        try pipeline.addHandler(ExpectContinueHandler(bodyLimit: limits.input.bodyBytes, routes: requests.routes))
        try pipeline.addHandler(DisconnectMonitor())
        return try NIOAsyncChannel(wrappingChannelSynchronously: stream)
    }

    func handle(_ streams: Streams, of channel: any Channel, _ logger: Logger) async {
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { [requests] group in
                do {
                    for try await stream in streams.inbound {
                        group.addTask { await requests.handle(value: stream, logger: logger) }
                    }
                } catch {
                    logger.debug("HTTP/2 connection failed", metadata: ["error": "\(error)"])
                }
            }
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}

/// Reports the streams of a connection to both of its handlers.
private struct StreamDelegate: NIOHTTP2StreamDelegate {
    let manager: NIOHTTP2ServerConnectionManagementHandler.HTTP2StreamDelegate
    let idleness: NIOLoopBound<StreamIdleness>

    func streamCreated(_ id: HTTP2StreamID, channel: any Channel) {
        manager.streamCreated(id, channel: channel)
        onEventLoop { $0.created() }
    }

    func streamClosed(_ id: HTTP2StreamID, channel: any Channel) {
        manager.streamClosed(id, channel: channel)
        onEventLoop { $0.closed() }
    }

    private func onEventLoop(_ change: @escaping @Sendable (StreamIdleness) -> Void) {
        if idleness.eventLoop.inEventLoop { return change(idleness.value) }
        idleness.eventLoop.execute { change(idleness.value) }
    }
}

/// Closes a connection that has no streams, that its client closed, or on which the client violated the protocol. The library ends an idle connection
/// gracefully, which depends on answers of its client; this handler does not.
final class StreamIdleness: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias InboundOut = HTTP2Frame

    /// The time for the client's answers while the server stops.
    private static let farewellTime = TimeAmount.seconds(1)

    private let idleTime: TimeAmount
    private var open = 0
    private var isStopping = false
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?

    init(_ idleTime: TimeAmount) { self.idleTime = idleTime }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        wait()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        self.context = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            isStopping = true
            wait()
        }
        context.fireUserInboundEventTriggered(event)
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !(error is NIOHTTP2Errors.StreamError) { context.close(promise: nil) }
    }

    func created() {
        open += 1
        timer?.cancel()
    }

    func closed() {
        open -= 1
        wait()
    }

    private func wait() {
        guard open == 0, let context else { return }
        timer?.cancel()
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: isStopping ? Self.farewellTime : idleTime) { bound.value.close(promise: nil) }
    }
}
