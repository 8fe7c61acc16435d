import NIOCore
import NIOHTTP1
import ShimmyAPI

/// A connection that became a WebSocket. Text messages go both ways.
struct WebSocket: Sendable {
    /// The client's messages. After each of them, `proceed` has to be called. The stream ends when no more messages can arrive or be answered.
    let messages: AsyncStream<RequestBytes>
    private let channel: any Channel
    private let handler: NIOLoopBound<WebSocketHandler>

    /// Ends HTTP on a connection whose only request in progress is the handshake.
    /// - response: the response to the handshake.
    ///
    /// Throws `APIError.cancelled` if the client has disconnected.
    static func open(on channel: any Channel, _ settings: WebSocketHandler.Settings, response: ByteBuffer) async throws -> WebSocket {
        let (messages, continuation) = AsyncStream.makeStream(of: RequestBytes.self)
        let handler = try await channel.eventLoop.flatSubmit {
            Self.leaveHTTP(channel).flatMapThrowing { early -> NIOLoopBound<WebSocketHandler> in
                guard channel.isActive else { throw APIError.cancelled }
                let pipeline = channel.pipeline.syncOperations
                let front = try pipeline.context(handlerType: WriteDeadline.self)
                let handler = WebSocketHandler(settings, messages: continuation)
                try pipeline.addHandler(handler, position: .after(front.handler))
                front.writeAndFlush(NIOAny(response), promise: nil)
                handler.take(early.value.bytes)
                return NIOLoopBound(handler, eventLoop: channel.eventLoop)
            }
        }.get()
        return WebSocket(messages: messages, channel: channel, handler: handler)
    }

    /// Removes the parser of HTTP from a channel. The result has the bytes behind the handshake; when it completes, no further ones have arrived.
    private static func leaveHTTP(_ channel: any Channel) -> EventLoopFuture<NIOLoopBound<EarlyBytes>> {
        do {
            let pipeline = channel.pipeline.syncOperations
            guard channel.isActive, !(try pipeline.handler(type: DisconnectMonitor.self).hasDisconnected) else { throw APIError.cancelled }
            try pipeline.handler(type: ConnectionLife.self).leaveHTTP()
            let parser = try pipeline.context(handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self)
            let early = NIOLoopBound(EarlyBytes(), eventLoop: channel.eventLoop)
            try pipeline.addHandler(early.value, position: .after(parser.handler))
            return pipeline.removeHandler(context: parser).map { early }
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    /// Allows the connection to read the next message.
    func proceed() { onLoop { $0.proceed() } }

    /// Sends a message. While the client does not read, it waits. Throws if the connection is closed.
    func send(_ text: [UInt8]) async throws {
        try await channel.eventLoop.flatSubmit { [handler, channel] in handler.value.send(text, on: channel.eventLoop) }.get()
    }

    /// Sends a message without waiting for the client. Must be called at most once for each message of the client: reading stops while the client
    /// does not read, so that only then the buffered messages are bounded.
    func post(_ text: [UInt8]) { onLoop { [channel] handler in _ = handler.send(text, on: channel.eventLoop) } }

    func close(_ reason: WebSocketClose) { onLoop { $0.close(reason) } }

    /// Waits until the connection is closed.
    func closed() async { try? await channel.closeFuture.get() }

    private func onLoop(_ action: @escaping @Sendable (WebSocketHandler) -> Void) {
        channel.eventLoop.execute { [handler] in action(handler.value) }
    }
}
