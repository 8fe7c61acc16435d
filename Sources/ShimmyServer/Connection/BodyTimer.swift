import NIOCore

/// The time limit of a request's body, on a connection of HTTP/1.1 or a stream of HTTP/2. It is confined to the event loop of its handler.
final class BodyTimer {
    /// The time between a client's timeout and the close of its connection. It bounds the time for writing the answer that reports the timeout.
    static let grace = Duration.seconds(5)
    /// The min bytes of an uploaded file within the time limit of a body. An upload that is as fast may take longer.
    private static let uploadBytes = 16 << 20

    private let limit: Duration
    /// Whether the body of the newest request is incomplete.
    private(set) var isArriving = false
    /// The bytes of an uploaded file since its time limit began; nil for other bodies.
    private var uploaded: Int?
    private var timer: Scheduled<Void>?
    /// Handles the timeout of a request that is already answered; nil to handle it like that of other requests.
    var endAnswered: ((ChannelHandlerContext) -> Void)?

    init(limit: Duration) { self.limit = limit }

    /// Starts the time limit of a request's body.
    /// - isEmpty: whether the body is known to be empty, so that it needs no time.
    /// - isUpload: whether the body is a file.
    func begin(isEmpty: Bool = false, isUpload: Bool, _ context: ChannelHandlerContext) {
        isArriving = true
        uploaded = isUpload ? 0 : nil
        if !isEmpty { schedule(context) }
    }

    func didRead(_ bytes: Int) { uploaded = uploaded.map { $0 &+ bytes } }

    /// Ends the time limit, because the body is complete.
    func end() {
        isArriving = false
        cancel()
    }

    /// Stops the timer, because the connection or the stream ends.
    func cancel() { timer?.cancel() }

    private func schedule(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: TimeAmount(limit)) {
            let (timer, context) = bound.value
            timer.expire(context)
        }
    }

    /// Reports the timeout to the reader of the body, which answers the request. The channel closes even if nothing answers.
    private func expire(_ context: ChannelHandlerContext) {
        guard isArriving else { return }
        if let endAnswered { return endAnswered(context) }
        if let uploaded, uploaded >= Self.uploadBytes {
            self.uploaded = 0
            return schedule(context)
        }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: TimeAmount(Self.grace)) {
            let (timer, context) = bound.value
            if timer.isArriving { context.close(promise: nil) }
        }
        context.fireErrorCaught(BodyTimeout())
    }
}

/// A body took longer than `ServerLimits.requestTime`.
struct BodyTimeout: Error {}
