import ShimmyAPI
package import ShimmyCore
package import ShimmyModels

/// A wait for a model, which ends when no task needs the model any more.
package final class PendingLease: Sendable {
    private let record: ModelRecord
    private let models: ModelManager
    private let task: Task<ModelLease, any Error>
    private let isOver = Signal()

    /// - onlyLoads: whether the request only loads the model.
    package init(_ record: ModelRecord, from models: ModelManager, keepAlive: KeepAlive?, onlyLoads: Bool = false) {
        (self.record, self.models) = (record, models)
        task = Task { [isOver] in
            defer { isOver.fire() }
            return try await models.acquire(record, keepAlive: keepAlive, onlyLoads: onlyLoads)
        }
    }

    /// Cancels the wait. Nothing else stops it for a client that disconnected before its stream's head was written.
    deinit { task.cancel() }

    package func cancel() { task.cancel() }

    /// Whether the model is loaded, so that the wait is short.
    package var isReady: Bool { models.isReady(record) }

    /// The progress of the load, as a text for the client.
    package var progress: String {
        models.progress(of: record.loaded.id).map { "loading \(record.id) \(Int($0 * 100)) %" } ?? "waiting for memory for \(record.id)"
    }

    /// Returns the model; nil if it is not loaded within `limit`. Throws the reason if the load fails or the wait was cancelled.
    package func lease(within limit: Duration) async throws -> ModelLease? {
        guard await isOver.wait(atMost: limit) else { return nil }
        do {
            return try await task.value
        } catch is CancellationError where !models.isShuttingDown {
            throw APIError.cancelled
        }
    }
}
