import HummingbirdCore
import NIOCore
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyModels
import ShimmyService

// Waits for models. A wait ends when the client disconnects.

extension PendingLease {
    /// The interval between load-progress comments.
    private static let commentInterval: Duration = .milliseconds(500)

    /// Returns the model; nil if it is not loaded within `limit`. Throws the reason if the load fails.
    func lease(within limit: Duration, _ channel: any Channel) async throws -> ModelLease? {
        // For a loaded model, watching the channel costs more than it saves.
        if isReady { return try await lease(within: limit) }
        return try await channel.onDisconnect(cancel) { try await self.lease(within: limit) }
    }

    /// Returns the model, and writes load-progress comments to the stream until it is loaded.
    @concurrent func lease(
        telling writer: inout any ResponseBodyWriter, _ framing: StreamFraming, _ channel: any Channel
    ) async throws -> ModelLease {
        try await channel.onDisconnect(cancel) {
            while true {
                let comment = framing.comment(self.progress)
                if !comment.isEmpty { try await writer.write(ByteBuffer(bytes: comment)) }
                if let lease = try await self.lease(within: Self.commentInterval) { return lease }
            }
        }
    }
}

extension ShimmyRequestContext {
    /// Returns a loaded model. A client that disconnects leaves the queue.
    /// - role: the role that the request needs; nil for any.
    /// - onlyLoads: whether the request only loads the model.
    func acquire(
        _ name: String, for role: ModelRole? = nil, from service: InferenceService, keepAlive: KeepAlive? = nil, onlyLoads: Bool = false
    ) async throws -> ModelLease {
        let models = service.models
        let record = try await models.findUsable(name, for: role)
        life?.note(model: record.id)
        let acquire = { @Sendable in try await models.acquire(record, keepAlive: keepAlive, onlyLoads: onlyLoads) }
        // For a loaded model, watching the channel costs more than it saves.
        return models.isReady(record) ? try await acquire() : try await untilDisconnected(acquire)
    }
}
