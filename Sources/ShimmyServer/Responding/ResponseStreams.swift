import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyModels
import ShimmyStorage

/// Writes the events of responses.
struct ResponseStreams: Sendable {
    let heartbeat: Duration

    /// Writes all events of a stream.
    typealias Telling = @concurrent @Sendable (inout any ResponseBodyWriter) async throws -> Void

    func respond(_ tell: @escaping Telling) -> Response {
        Response(
            status: .ok, headers: Response.streamHeaders,
            body: ResponseBody { writer in
                try await tell(&writer)
                try await writer.finish(nil)
            })
    }

    /// Returns a stream that begins before its model is loaded; comments report the load progress.
    /// - failed: makes the events to write if the response cannot begin.
    /// - begin: begins the response.
    func respond(
        after pending: PendingLease, _ context: ShimmyRequestContext, failed: @escaping @Sendable (APIError) -> [JSON],
        begin: @escaping @concurrent @Sendable (ModelLease) async throws -> Telling
    ) -> Response {
        respond { writer in
            let tell: Telling
            do {
                tell = try await begin(try await pending.lease(telling: &writer, context.channel))
            } catch let error where !(error is ChannelError) {
                context.logger.error("a response could not begin", metadata: ["error": "\(error)"])
                return try await Self.write(failed(APIError(any: error)), to: &writer)
            }
            try await tell(&writer)
        }
    }

    /// Writes the events of a response that is made for this stream. If the client disconnects, the work stops.
    func live(_ consumer: OneConsumer<ResponseRun>, first: [JSON], _ context: ShimmyRequestContext) -> Telling {
        { writer in
            let run = try consumer.take()
            let canceller = run.canceller
            let pulse = Heartbeat(every: heartbeat, canceller.nudge)
            defer { pulse.stop() }
            try await context.channel.onDisconnect(canceller.cancel) {
                do {
                    try await Self.write(first, to: &writer)
                    while let events = await run.next() { try await Self.write(events, to: &writer) }
                } catch {
                    // The client is gone, but the run continues to its end so that the result is stored.
                    canceller.cancel()
                    while await run.next() != nil {}
                    throw error
                }
            }
        }
    }

    /// Writes the stored events of a background response after an event number, and then further events as they are stored.
    func kept(_ id: String, after number: Int, _ store: Store, _ background: BackgroundResponses, _ context: ShimmyRequestContext) -> Telling {
        { writer in
            let pulse = Heartbeat(every: heartbeat) { background.nudge(id) }
            defer { pulse.stop() }
            try await context.channel.onDisconnect({ background.nudge(id) }) {
                var told = number
                do {
                    try await Self.follow(id, after: &told, store, background, context.storageOwner, to: &writer)
                } catch let error where !(error is ChannelError || error is CancellationError) {
                    context.logger.error("response stream failed", metadata: ["response": "\(id)", "error": "\(error)"])
                    try await Self.write([ResponseEvents.error(APIError(any: error), number: told + 1)], to: &writer)
                }
            }
        }
    }

    @concurrent private static func follow(
        _ id: String, after number: inout Int, _ store: Store, _ background: BackgroundResponses, _ owner: String,
        to writer: inout any ResponseBodyWriter
    ) async throws {
        while true {
            let wasActive = background.isActive(id)
            let unkept = background.unkept.events(of: id, owner: owner, after: number)
            guard let events = try await store.events(of: id, owner: owner, after: number) else { return }
            if let last = events.last {
                try await write(events.map(\.json), to: &writer)
                number = last.number
                continue
            }
            // If the response had ended before the read, all stored events have been written.
            guard wasActive else {
                if !unkept.isEmpty { try await write(unkept, to: &writer) }
                return
            }
            await background.watch(id, beyond: number)
            if background.isActive(id), !(await hasNews(id, number, store, owner)) { try await write([], to: &writer) }
        }
    }

    private static func hasNews(_ id: String, _ number: Int, _ store: Store, _ owner: String) async -> Bool {
        (try? await store.events(of: id, owner: owner, after: number, limit: 1))?.isEmpty == false
    }

    /// Writes events, or a ping if there are none.
    @concurrent private static func write(_ events: [JSON], to writer: inout any ResponseBodyWriter) async throws {
        let bytes = events.isEmpty ? ServerSentEvents.ping : events.flatMap(ServerSentEvents.event)
        try await writer.write(ByteBuffer(bytes: bytes))
    }
}
