import NIOCore

/// Reports a client's disconnect to the task that makes the answer.
///
/// An answer can take minutes without writing a byte, so a failing write would come too late. The framework's alternative, reading ahead
/// for the end of the stream, would cost the connection its keep-alive. Like most servers, the monitor treats a half-closed connection as a
/// disconnect.
final class DisconnectMonitor: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    typealias InboundOut = NIOAny

    private(set) var hasDisconnected = false
    private var onDisconnect: (@Sendable () -> Void)?

    func watch(_ action: @escaping @Sendable () -> Void) {
        if hasDisconnected { action() } else { onDisconnect = action }
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
        hasDisconnected = true
        onDisconnect?()
        onDisconnect = nil
    }
}

extension Channel {
    /// Runs `body`, and calls `action` if the client disconnects meanwhile.
    @concurrent func onDisconnect<Result>(
        _ action: @escaping @Sendable () -> Void, during body: @concurrent () async throws -> sending Result
    ) async throws -> sending Result {
        // Router tests use a channel without the monitor, which cannot disconnect.
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
