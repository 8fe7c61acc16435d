import HummingbirdCore
import NIOCore
import ShimmyAPI
import ShimmyCore
import ShimmyModels

/// Waits for a model for as long as somebody wants it.
final class PendingLease: Sendable {
    /// Between two comments on a load.
    private static let commentInterval: Duration = .milliseconds(500)

    private let record: ModelRecord
    private let models: ModelManager
    private let task: Task<ModelLease, any Error>
    private let isOver = Signal()

    /// - onlyLoads: whether it is for the load alone.
    init(_ record: ModelRecord, from models: ModelManager, keepAlive: KeepAlive?, onlyLoads: Bool = false) {
        (self.record, self.models) = (record, models)
        task = Task { [isOver] in
            defer { isOver.fire() }
            return try await models.acquire(record, keepAlive: keepAlive, onlyLoads: onlyLoads)
        }
    }

    /// Whoever lets go of it does not want the model any more: a client that left before its stream's head was written is noticed by nothing else.
    deinit { task.cancel() }

    /// The model; nil when it is not there after that time. Throws why it will not come. Gives up when the client goes.
    func lease(within limit: Duration, _ channel: any Channel) async throws -> ModelLease? {
        // One that is there is not worth the way to the channel and back.
        if models.isReady(record) { return try await lease(within: limit) }
        return try await channel.onDisconnect({ self.task.cancel() }) { try await self.lease(within: limit) }
    }

    private func lease(within limit: Duration) async throws -> ModelLease? {
        guard await isOver.wait(atMost: limit) else { return nil }
        return try await task.value
    }

    /// The model; until it is there, comments tell a stream's client how far it is. Gives up when the client goes.
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
    /// What a client that waits for a model may want to know.
    fileprivate func news(of record: ModelRecord) -> String {
        progress(of: record.loaded.id).map { "loading \(record.id) \(Int($0 * 100)) %" } ?? "waiting for memory for \(record.id)"
    }
}

extension ShimmyRequestContext {
    /// A model, loaded. A client that goes away gives up its place in the queue.
    /// - onlyLoads: whether it is for the load alone.
    func acquire(_ name: String, from models: ModelManager, keepAlive: KeepAlive? = nil, onlyLoads: Bool = false) async throws -> ModelLease {
        let record = try await models.findUsable(name)
        if models.isReady(record) { return try await models.acquire(record, keepAlive: keepAlive, onlyLoads: onlyLoads) }
        return try await untilDisconnected { try await models.acquire(record, keepAlive: keepAlive, onlyLoads: onlyLoads) }
    }
}
