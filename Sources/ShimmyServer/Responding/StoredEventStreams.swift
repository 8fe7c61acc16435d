import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ShimmyAPI
import ShimmyJSON
import ShimmyStorage

/// Writes the stored events of background responses.
struct StoredEventStreams: Sendable {
    let store: Store
    let background: BackgroundResponses
    /// The interval of comments in an idle stream.
    let heartbeat: Duration

    /// Writes the stored events of a background response after an event number, and then further events as they are stored.
    func stream(_ id: String, after number: Int, _ context: ShimmyRequestContext) -> StartedAnswer.Stream {
        { writer in
            let pulse = Heartbeat(every: heartbeat) { background.nudge(id) }
            defer { pulse.stop() }
            try await context.channel.onDisconnect({ background.nudge(id) }) {
                var told = number
                do {
                    try await follow(id, after: &told, context.storageOwner, to: &writer)
                } catch let error where !(error is ChannelError || error is CancellationError) {
                    context.logger.error("response stream failed", metadata: ["response": "\(id)", "error": "\(error)"])
                    try await Self.write([ResponseEvents.error(APIError(any: error), number: told + 1)], to: &writer)
                }
            }
        }
    }

    @concurrent private func follow(
        _ id: String, after number: inout Int, _ owner: String, to writer: inout any ResponseBodyWriter
    ) async throws {
        var hasEnded = false
        while !hasEnded {
            let wasActive = background.isActive(id)
            let unkept = background.unkept.events(of: id, owner: owner, after: number)
            guard let events = try await store.events(of: id, owner: owner, after: number) else {
                return try await Self.write([ResponseEvents.error(.notFound("Response", id), number: number + 1)], to: &writer)
            }
            if let last = events.last {
                try await Self.write(events.map(\.json), to: &writer)
                number = last.number
                hasEnded = ResponseEvents.isLast(last.json)
                continue
            }
            // If the response had ended before the read, all stored events have been written.
            guard wasActive else {
                if !unkept.isEmpty { try await Self.write(unkept, to: &writer) }
                return
            }
            await background.watch(id, beyond: number)
            if background.isActive(id), !(await hasNews(id, number, owner)) { try await Self.write([], to: &writer) }
        }
    }

    private func hasNews(_ id: String, _ number: Int, _ owner: String) async -> Bool {
        (try? await store.events(of: id, owner: owner, after: number, limit: 1))?.isEmpty == false
    }

    /// Writes the events. Without events, it writes a ping.
    @concurrent private static func write(_ events: [JSON], to writer: inout any ResponseBodyWriter) async throws {
        let bytes = events.isEmpty ? ServerSentEvents.ping : events.flatMap(ServerSentEvents.event)
        try await writer.write(ByteBuffer(bytes: bytes))
    }
}
