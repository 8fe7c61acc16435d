import HummingbirdCore
import NIOCore
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyModels

/// A wait for a model, which ends when no task needs the model any more.
final class PendingLease: Sendable {
    /// The interval between load-progress comments.
    private static let commentInterval: Duration = .milliseconds(500)

    private let record: ModelRecord
    private let models: ModelManager
    private let task: Task<ModelLease, any Error>
    private let isOver = Signal()

    /// - onlyLoads: whether the request only loads the model.
    init(_ record: ModelRecord, from models: ModelManager, keepAlive: KeepAlive?, onlyLoads: Bool = false) {
        (self.record, self.models) = (record, models)
        task = Task { [isOver] in
            defer { isOver.fire() }
            return try await models.acquire(record, keepAlive: keepAlive, onlyLoads: onlyLoads)
        }
    }

    /// Cancels the wait. Nothing else stops it for a client that disconnected before its stream's head was written.
    deinit { task.cancel() }

    /// Returns the model; nil if it is not loaded within `limit`. Throws the reason if the load fails. Stops waiting if the client
    /// disconnects.
    func lease(within limit: Duration, _ channel: any Channel) async throws -> ModelLease? {
        // For a loaded model, watching the channel costs more than it saves.
        if models.isReady(record) { return try await lease(within: limit) }
        return try await channel.onDisconnect({ self.task.cancel() }) { try await self.lease(within: limit) }
    }

    private func lease(within limit: Duration) async throws -> ModelLease? {
        guard await isOver.wait(atMost: limit) else { return nil }
        do {
            return try await task.value
        } catch is CancellationError where !models.isShuttingDown {
            throw APIError.cancelled
        }
    }

    /// Returns the model, and writes load-progress comments to the stream until it is loaded. Stops waiting if the client disconnects.
    @concurrent func lease(telling writer: inout any ResponseBodyWriter, _ channel: any Channel) async throws -> ModelLease {
        try await channel.onDisconnect({ self.task.cancel() }) {
            while true {
                try await writer.write(ByteBuffer(bytes: ServerSentEvents.comment(models.news(of: record))))
                if let lease = try await lease(within: Self.commentInterval) { return lease }
            }
        }
    }
}

extension ModelManager {
    /// Returns the progress text for a client that waits for a model.
    fileprivate func news(of record: ModelRecord) -> String {
        progress(of: record.loaded.id).map { "loading \(record.id) \(Int($0 * 100)) %" } ?? "waiting for memory for \(record.id)"
    }
}

extension ShimmyRequestContext {
    /// Returns a loaded model. A client that disconnects leaves the queue.
    /// - role: the role that the request needs; nil for any.
    /// - onlyLoads: whether the request only loads the model.
    func acquire(
        _ name: String, for role: ModelRole? = nil, from models: ModelManager, keepAlive: KeepAlive? = nil, onlyLoads: Bool = false
    ) async throws -> ModelLease {
        let record = try await models.findUsable(name, for: role)
        if models.isReady(record) { return try await models.acquire(record, keepAlive: keepAlive, onlyLoads: onlyLoads) }
        return try await untilDisconnected { try await models.acquire(record, keepAlive: keepAlive, onlyLoads: onlyLoads) }
    }
}
