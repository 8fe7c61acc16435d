import Hummingbird
import ShimmyCore
import ShimmyModels

/// Waits for a model for as long as somebody wants it.
final class PendingLease: Sendable {
    private let task: Task<ModelLease, any Error>
    private let isOver = Signal()

    init(_ record: ModelRecord, from models: ModelManager, keepAlive: KeepAlive?) {
        task = Task { [isOver] in
            defer { isOver.fire() }
            return try await models.acquire(record, keepAlive: keepAlive)
        }
    }

    /// The model; nil when it is not there after that time. Throws why it will not come.
    func lease(within limit: Duration) async throws -> ModelLease? {
        guard await isOver.wait(atMost: limit) else { return nil }
        return try await task.value
    }

    /// Nobody wants it any more.
    func cancel() { task.cancel() }
}

extension ShimmyRequestContext {
    /// A model, loaded. A client that goes away gives up its place in the queue.
    func acquire(_ name: String, from models: ModelManager, keepAlive: KeepAlive? = nil) async throws -> ModelLease {
        let record = try await models.findUsable(name)
        if models.loadedBackend(record) != nil { return try await models.acquire(record, keepAlive: keepAlive) }
        return try await untilDisconnected { try await models.acquire(record, keepAlive: keepAlive) }
    }
}
