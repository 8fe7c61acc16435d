import NIOCore

/// Tells whoever makes an answer that nobody waits for it any more.
///
/// An answer can take minutes without a byte being written, so a failing write comes too late; and reading ahead for the
/// end of the stream, as the framework offers, would cost the connection its keep-alive.
/// A client that half-closes is taken for gone, as most servers do.
final class DisconnectMonitor: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    typealias InboundOut = NIOAny

    private var closed = false
    private var onDisconnect: (@Sendable () -> Void)?

    func watch(_ action: @escaping @Sendable () -> Void) {
        if closed { action() } else { onDisconnect = action }
    }

    func unwatch() { onDisconnect = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.fireChannelRead(data) }

    func channelInactive(context: ChannelHandlerContext) {
        report()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { report() }
        context.fireUserInboundEventTriggered(event)
    }

    private func report() {
        closed = true
        onDisconnect?()
        onDisconnect = nil
    }
}

extension Channel {
    /// Runs `body`; calls `action` if the client goes away meanwhile.
    @concurrent func onDisconnect<Result>(
        _ action: @escaping @Sendable () -> Void, during body: @concurrent () async throws -> sending Result
    ) async throws -> sending Result {
        // A channel without the monitor (in tests of the router) has nobody who could go away.
        let change = { @Sendable (change: @escaping @Sendable (DisconnectMonitor) -> Void) in
            try? await self.eventLoop.submit {
                try change(self.pipeline.syncOperations.handler(type: DisconnectMonitor.self))
            }.get()
        }
        await change { $0.watch(action) }
        do {
            let result = try await body()
            await change { $0.unwatch() }
            return result
        } catch {
            await change { $0.unwatch() }
            throw error
        }
    }
}
