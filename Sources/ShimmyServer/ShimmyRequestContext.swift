package import Hummingbird
import NIOCore
import ShimmyAPI
import ShimmyCore
import ShimmyEngine
import ShimmyService

/// The state of a request in middleware and routes.
package struct ShimmyRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The connection, observed to detect a disconnect while the answer is generated.
    let channel: any Channel
    /// The owner that the request counts towards: the key's holder, or the client's address if the server has no keys.
    var owner: Owner
    /// The owner of the objects that the request stores: the key's holder, the same after a restart; `everybody` if the server has no keys.
    var storageOwner = StorageOwner.everybody
    /// The id of the request, which every response has in a header.
    var requestID = ""
    /// Whether the task of the request is cancelled when the client disconnects, so that nothing else has to watch the connection.
    var isCancelledWithTask = false
    /// The facts about the request, for its line in the log and for metrics; nil before the middleware that makes them.
    var life: RequestLife?
    let arrived = ContinuousClock.now

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        owner = Owner(source.channel.remoteAddress?.ipAddress ?? "")
    }
}

extension ShimmyRequestContext {
    var caller: Caller { Caller(owner: owner, storageOwner: storageOwner, arrived: arrived, logger: logger, request: life) }

    /// Runs `work` and cancels it when the client disconnects.
    func untilDisconnected<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        if isCancelledWithTask { return try await work() }
        let task = Task { try await work() }
        let isGone = Signal()
        do {
            return try await withTaskCancellationHandler {
                try await channel.onDisconnect({
                    isGone.fire()
                    task.cancel()
                }) { try await task.value }
            } onCancel: {
                task.cancel()
            }
        } catch is CancellationError where isGone.hasFired {
            throw APIError.cancelled
        }
    }
}

/// The function that a middleware calls to continue with the next handler.
typealias Next = @concurrent (Request, ShimmyRequestContext) async throws -> Response
