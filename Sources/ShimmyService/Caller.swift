package import Logging
import ShimmyChat
package import ShimmyEngine

/// Who sends a request.
package struct Caller: Sendable {
    /// The owner that the request counts towards: the key's holder, or the client's address if the server has no keys.
    package let owner: Owner
    /// The owner of the objects that the request stores.
    package let storageOwner: String
    /// The time at which the server read the request's head, or at which the work on a background response began.
    package let arrived: ContinuousClock.Instant
    /// A logger with the request's id, or for background work with the response's.
    package let logger: Logger
    /// The facts about the request; nil for work without a request of its own: background work, and responses over a WebSocket.
    package let request: RequestLife?

    package init(
        owner: Owner, storageOwner: String, arrived: ContinuousClock.Instant, logger: Logger, request: RequestLife? = nil
    ) {
        self.owner = owner
        self.storageOwner = storageOwner
        self.arrived = arrived
        self.logger = logger
        self.request = request
    }

    /// Returns the caller with a logger that has a further field.
    func logging(_ key: String, _ value: String) -> Caller {
        var logger = logger
        logger[metadataKey: key] = "\(value)"
        return Caller(owner: owner, storageOwner: storageOwner, arrived: arrived, logger: logger, request: request)
    }

    /// - isFlex: whether the request runs only when there is no other work.
    func terms(isFlex: Bool = false) -> ServiceTerms { ServiceTerms(owner: owner, isFlex: isFlex) }
}
