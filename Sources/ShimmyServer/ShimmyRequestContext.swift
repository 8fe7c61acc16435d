package import Hummingbird
import NIOCore
import ShimmyAPI
import ShimmyAccounts
import ShimmyCore
import ShimmyEngine
import ShimmyModels
import ShimmyService
import ShimmyTracing

/// The state of a request in middleware and routes.
package struct ShimmyRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The connection, observed to detect a disconnect while the answer is generated.
    let channel: any Channel
    /// The client's IP address; nil for the Unix socket.
    var address: String?
    /// The scheme that the client used, `http` or `https`, if a trusted proxy names it.
    var scheme: String?
    /// The owner that the request counts towards: the key's holder, or the client's address if the server has no keys.
    var owner: Owner
    /// The owner of the objects that the request stores: the key's holder, the same after a restart; `everybody` if the server has no keys.
    var storageOwner = StorageOwner.everybody
    /// The properties of the request's key; nil for a key without a name and on a server without keys, where requests may do everything.
    var key: AccessKey?
    /// The hash of the request's key; nil on a server without keys.
    var keyHash: KeyHash?
    /// The end user that a trusted client names in a header; nil for none.
    var namedUser: String?
    /// Whether keys with the role `user` may download models.
    var usersMayPull = false
    /// The servers that the request has passed.
    var hops = HopTrail()
    /// The id of the request, which every response has in a header.
    var requestID = ""
    /// Whether the task of the request is cancelled when the client disconnects, so that nothing else has to watch the connection.
    var isCancelledWithTask = false
    /// The facts about the request, for its line in the log and for metrics; nil before the middleware that makes them.
    var life: RequestLife?
    /// The trace of the request; nil if traces are off, and before the middleware that begins it.
    var trace: RequestTrace?
    let arrived = ContinuousClock.now

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        address = source.channel.remoteAddress?.ipAddress
        owner = Owner(address ?? "")
    }
}

extension ShimmyRequestContext {
    var caller: Caller {
        let input = life?.input
        return Caller(
            owner: owner, storageOwner: storageOwner, key: key, arrived: arrived, logger: logger, request: life, trace: trace,
            user: namedUser ?? input?.user, inputBytes: input?.bytes ?? 0, hops: hops)
    }

    /// Throws a 403 if the role of the request's key does not allow a route.
    func check(_ access: Route.Access) throws(APIError) {
        guard let key, key.role != .admin else { return }
        switch access {
        case .probe, .open, .user: return
        case .puller:
            if !usersMayPull { throw .insufficientPermissions(key: key.name, setting: "user_pulls") }
        case .admin: throw .insufficientPermissions(key: key.name)
        }
    }

    /// Runs `body` with the models that the request's key may use; all other models do not exist for it.
    func withModels<Value: Sendable>(_ body: @Sendable () async throws -> Value) async rethrows -> Value {
        guard let key, let access = ModelAccess(patterns: key.models) else { return try await body() }
        return try await ModelAccess.$current.withValue(access, operation: body)
    }

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
