import NIOCore
import ShimmyAPI
import ShimmyCore

/// Handles the frames of a WebSocket. It is in front of the handlers of HTTP, which get nothing more to read and whose writes it drops.
///
/// It passes one message on at a time and reads no further until that message is taken. It also stops reading while the client does not read its
/// answers, so that pongs cannot pile up.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    struct Settings: Sendable {
        let use: ServerUse
        /// The interval of pings while the client waits for events.
        let heartbeat: Duration
        /// Whether a response is being made.
        let isBusy: @Sendable () -> Bool
    }

    private enum State {
        case open
        /// A close frame was sent; the client's is expected.
        case closing
        /// The client violated the protocol, so none of its further bytes can be parsed.
        case failed
    }

    /// How long a connection stays open after a close frame, so that the client can read it and answer.
    private static let lingerTime = TimeAmount.seconds(2)

    private let settings: Settings
    private let messages: AsyncStream<RequestBytes>.Continuation
    private var reader: WebSocketReader
    private var state = State.open
    /// Bytes that are not parsed yet, because they are not a whole frame or because a message waits to be taken.
    private var unread = ByteBuffer()
    /// The message that is arriving; nil between messages.
    private var message: RequestBytes?
    /// Whether a complete message waits to be taken.
    private var isDelivered = false
    private var holdsRead = false
    /// Writers that wait until the client has read more.
    private var waiting: [EventLoopPromise<Void>] = []
    private var context: ChannelHandlerContext?
    private var messageTimer: Scheduled<Void>?
    private var closeTimer: Scheduled<Void>?
    private var beat: RepeatedTask?
    private var lastUse = NIODeadline.now()

    init(_ settings: Settings, messages: AsyncStream<RequestBytes>.Continuation) {
        self.settings = settings
        self.messages = messages
        reader = WebSocketReader(limit: settings.use.limits.input.bodyBytes)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let (bound, interval) = (NIOLoopBound(self, eventLoop: context.eventLoop), TimeAmount(settings.heartbeat))
        beat = context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in bound.value.checkLife() }
        if !context.channel.isActive { end() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    }

    /// Fails the writers that wait and releases all buffers, because the connection is closed.
    private func end() {
        state = .failed
        messages.finish()
        beat?.cancel()
        messageTimer?.cancel()
        closeTimer?.cancel()
        (message, unread) = (nil, ByteBuffer())
        for promise in waiting { promise.fail(ChannelError.ioOnClosedChannel) }
        waiting = []
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { take(unwrapInboundIn(data)) }

    /// Takes the next bytes of the client.
    func take(_ bytes: ByteBuffer) {
        guard let context else { return }
        if case .failed = state { return }
        var bytes = bytes
        if unread.readableBytes == 0 {
            unread = bytes
        } else {
            unread.discardReadBytes()
            unread.writeBuffer(&bytes)
        }
        parse(context)
    }

    private func parse(_ context: ChannelHandlerContext) {
        while !isDelivered {
            if case .failed = state { return }
            do throws(WebSocketClose) {
                guard let event = try reader.next(&unread) else { return }
                try handle(event, context)
            } catch {
                (message, unread) = (nil, ByteBuffer())
                sendClose(error)
                state = .failed
                return readOn(context)
            }
        }
    }

    private func handle(_ event: WebSocketReader.Event, _ context: ChannelHandlerContext) throws(WebSocketClose) {
        switch event {
        case .text(let part, let isLast): try take(part, isLast: isLast, context)
        case .ping(let payload):
            guard case .open = state else { return }
            context.writeAndFlush(wrapOutboundOut(WebSocketFrames.pong(payload)), promise: nil)
        case .pong: break
        case .close(let code):
            sendClose(WebSocketClose(code ?? 1000, ""))
            context.close(promise: nil)
        }
    }

    private func take(_ part: ByteBuffer, isLast: Bool, _ context: ChannelHandlerContext) throws(WebSocketClose) {
        guard case .open = state else { return }
        lastUse = .now()
        let limit = settings.use.limits.input.bodyBytes
        let message = self.message ?? RequestBytes(use: settings.use, limit: limit)
        do throws(APIError) {
            try message.append(part)
        } catch {
            throw error.status == 413 ? WebSocketClose.tooLarge(limit: limit) : WebSocketClose.busy
        }
        if isLast {
            messageTimer?.cancel()
            (self.message, messageTimer, isDelivered) = (nil, nil, true)
            messages.yield(message)
        } else {
            self.message = message
            limitMessage(context)
        }
    }

    /// Limits the time of a message from its first part on.
    private func limitMessage(_ context: ChannelHandlerContext) {
        guard messageTimer == nil else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        messageTimer = context.eventLoop.scheduleTask(in: TimeAmount(settings.use.limits.requestTime)) { bound.value.close(.tooSlow) }
    }

    /// Continues to read after a message was taken.
    func proceed() {
        isDelivered = false
        guard let context else { return }
        parse(context)
        readOn(context)
    }

    func read(context: ChannelHandlerContext) {
        if mayRead(context) { context.read() } else { holdsRead = true }
    }

    private func mayRead(_ context: ChannelHandlerContext) -> Bool {
        guard case .open = state else { return true }
        return !isDelivered && context.channel.isWritable
    }

    private func readOn(_ context: ChannelHandlerContext) {
        guard holdsRead, mayRead(context) else { return }
        holdsRead = false
        context.read()
    }

    // MARK: Writing

    /// Drops the writes of the handlers of HTTP.
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.ioOnClosedChannel)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            for promise in waiting { promise.succeed(()) }
            waiting = []
            readOn(context)
        }
        context.fireChannelWritabilityChanged()
    }

    /// Sends a message. The result completes when the next one may be sent; it fails if the connection is closed.
    func send(_ text: [UInt8], on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        guard let context, case .open = state else { return eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
        lastUse = .now()
        context.writeAndFlush(wrapOutboundOut(WebSocketFrames.text(text)), promise: nil)
        if context.channel.isWritable { return eventLoop.makeSucceededVoidFuture() }
        let promise = eventLoop.makePromise(of: Void.self)
        waiting.append(promise)
        return promise.futureResult
    }

    /// Sends a close frame. The connection closes when the client has answered, or soon anyway.
    func close(_ reason: WebSocketClose) {
        sendClose(reason)
        // The client's close frame may be behind a message that is never taken.
        proceed()
    }

    private func sendClose(_ reason: WebSocketClose) {
        guard let context, case .open = state else { return }
        state = .closing
        messages.finish()
        messageTimer?.cancel()
        message = nil
        context.writeAndFlush(wrapOutboundOut(WebSocketFrames.close(reason.code, reason.reason)), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        closeTimer = context.eventLoop.scheduleTask(in: Self.lingerTime) { bound.value.close(promise: nil) }
    }

    /// Shows a client that waits for events that the connection is alive, and closes a connection that is not used.
    private func checkLife() {
        guard let context, case .open = state else { return }
        if settings.isBusy() {
            lastUse = .now()
            if context.channel.isWritable { context.writeAndFlush(wrapOutboundOut(WebSocketFrames.ping()), promise: nil) }
        } else if NIODeadline.now() - lastUse > TimeAmount(settings.use.limits.socketIdleTime) {
            close(.idle)
        }
    }
}
