import HummingbirdCore
import NIOCore
import ShimmyAPI
import ShimmyCore
import ShimmyService

/// An answer that begins later. Its work stops when no task waits for it any more.
final class PendingAnswer: Sendable {
    private let task: Task<StartedAnswer, any Error>
    private let hasBegun = Signal()

    /// - begin: begins the answer, and stops if the client disconnects.
    init(_ begin: @escaping @Sendable () async throws -> StartedAnswer) {
        task = Task { [hasBegun] in
            defer { hasBegun.fire() }
            return try await begin()
        }
    }

    deinit { task.cancel() }

    /// Returns the answer; nil if it does not begin within `limit`. Throws the reason if it cannot begin.
    func started(within limit: Duration) async throws -> StartedAnswer? {
        let isOver = await withTaskCancellationHandler {
            await hasBegun.wait(atMost: limit)
        } onCancel: { [task] in
            task.cancel()
        }
        guard isOver else { return nil }
        return try await task.value
    }

    /// Returns the answer, and writes pings to its stream until it begins.
    @concurrent func started(
        pinging writer: inout any ResponseBodyWriter, _ framing: StreamFraming, every interval: Duration
    ) async throws -> StartedAnswer {
        while true {
            if let started = try await started(within: interval) { return started }
            let ping = framing.ping
            if !ping.isEmpty { try await writer.write(ByteBuffer(bytes: ping)) }
        }
    }
}
