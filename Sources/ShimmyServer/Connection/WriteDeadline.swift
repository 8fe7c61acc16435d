import Logging
import NIOCore

/// Closes a connection whose client does not read pending data, so that a stream cannot hold memory forever.
///
/// The amount of pending data is already bounded, because writers wait while a channel's buffer is full.
final class WriteDeadline: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private let limit: TimeAmount
    private let logger: Logger
    private var timer: Scheduled<Void>?

    init(_ limit: Duration, logger: Logger) {
        self.limit = TimeAmount(limit)
        self.logger = logger
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            timer?.cancel()
            timer = nil
        } else if timer == nil {
            start(context, waiting: Self.waiting(context))
        }
        context.fireChannelWritabilityChanged()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    /// - waiting: bytes that are pending now; fewer pending bytes later count as progress.
    private func start(_ context: ChannelHandlerContext, waiting: Int) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: limit) {
            let (handler, context) = bound.value
            handler.check(context, before: waiting)
        }
    }

    private func check(_ context: ChannelHandlerContext, before: Int) {
        timer = nil
        guard context.channel.isActive, !context.channel.isWritable else { return }
        let waiting = Self.waiting(context)
        if waiting < before { return start(context, waiting: waiting) }
        logger.info("connection closed: the client stopped reading", metadata: ["waiting_bytes": .stringConvertible(waiting)])
        context.close(promise: nil)
    }

    private static func waiting(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(ChannelOptions.bufferedWritableBytes)) ?? 0
    }
}
