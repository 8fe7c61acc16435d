import Hummingbird
import NIOCore
import ShimmyEngine

/// What a request carries through middleware and routes.
struct ShimmyRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection, to learn of its end while an answer is made.
    let channel: any Channel
    /// For whom it is served: the key's holder, or without keys the client's address.
    var owner: Owner
    /// Whose the objects are that it keeps: the key's holder, the same one after a restart; without keys everybody.
    var storageOwner = StorageOwner.everybody

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        owner = Owner(source.channel.remoteAddress?.ipAddress ?? "")
    }
}

extension ShimmyRequestContext {
    /// Work that is cancelled when the client goes away.
    func untilDisconnected<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let task = Task { try await work() }
        return try await withTaskCancellationHandler {
            try await channel.onDisconnect({ task.cancel() }) { try await task.value }
        } onCancel: {
            task.cancel()
        }
    }
}

/// What a middleware calls to go on.
typealias Next = @concurrent (Request, ShimmyRequestContext) async throws -> Response
