import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import ShimmyAPI
import ShimmyChat
import ShimmyJSON

extension HTTPField.Name {
    static let droppedItems = Self("x-shimmy-dropped-items")!
    static let notStored = Self("x-shimmy-not-stored")!
}

/// An answer that has begun. It can be sent as a stream or as a whole, once.
struct StartedAnswer: Sendable {
    /// Writes all frames of a stream.
    typealias Stream = @concurrent @Sendable (inout any ResponseBodyWriter) async throws -> Void

    let stream: Stream
    let whole: @concurrent @Sendable () async throws -> Response
    /// How the answer deviates from the request.
    var report = AnswerReport()
    /// The number of the oldest items that were dropped because they did not fit.
    var dropped = 0
    /// The reason why the answer is not stored although it should be; nil otherwise.
    var obstacle: APIError?

    /// Sets the headers that tell what is known about the answer at its beginning.
    func report(on response: inout Response) {
        response.report(report)
        if dropped > 0 { response.headers[.droppedItems] = "\(dropped)" }
        response.report(obstacle: obstacle)
    }
}

extension StartedAnswer {
    /// Makes an answer that is computed while its client reads it. If the client disconnects, the work stops.
    /// - first: the values that the dialect begins with.
    /// - heartbeat: the interval of comments in an idle stream.
    init<Dialect: AnswerDialect>(
        _ run: sending AnswerRun<Dialect>, first: [JSON], report: AnswerReport, heartbeat: Duration, _ context: ShimmyRequestContext
    ) {
        let canceller = run.canceller
        let consumer = OneConsumer(run)
        stream = { writer in
            let run = try consumer.take()
            let pulse = Heartbeat(every: heartbeat, canceller.nudge)
            defer { pulse.stop() }
            try await context.channel.onDisconnect(canceller.cancel) {
                do {
                    if !first.isEmpty { try await writer.write(ByteBuffer(bytes: first.flatMap(Dialect.framing.frame))) }
                    while let news = await run.next() {
                        let bytes = run.bytes(of: news)
                        if !bytes.isEmpty { try await writer.write(ByteBuffer(bytes: bytes)) }
                    }
                } catch {
                    // The client is gone, but the run continues to its end so that the result is stored.
                    canceller.cancel()
                    while await run.next() != nil {}
                    throw error
                }
            }
        }
        whole = {
            let run = try consumer.take()
            return try await context.channel.onDisconnect(canceller.cancel) {
                while await run.next() != nil {}
                if let failure = run.failure { throw failure }
                guard let whole = run.dialect.whole else { throw APIError.cancelled }
                var response = Response.json(whole)
                response.report(obstacle: run.obstacle)
                return response
            }
        }
        self.report = report
    }
}

extension AnswerRun {
    /// Returns what a stream sends for news that `next` has just returned.
    fileprivate func bytes(of news: AnswerNews) -> [UInt8] {
        switch news {
        case .idle: ServerSentEvents.ping
        case .values(let values): values.flatMap(Dialect.framing.frame) + (isComplete ? Dialect.framing.end : [])
        }
    }
}

extension Response {
    /// - obstacle: the reason why the answer is not stored although it should be; nil otherwise.
    fileprivate mutating func report(obstacle: APIError?) {
        if let obstacle { headers[.notStored] = obstacle.code ?? obstacle.type }
    }
}
