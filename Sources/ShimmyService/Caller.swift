package import Logging
package import ShimmyAccounts
import ShimmyChat
package import ShimmyCore
package import ShimmyEngine
package import ShimmyTracing

/// Who sends a request.
package struct Caller: Sendable {
    /// The owner that the request counts towards: the key's holder, or the client's address if the server has no keys.
    package let owner: Owner
    /// The owner of the objects that the request stores.
    package let storageOwner: String
    /// The properties of the caller's key; nil for a key without a name, on a server without keys, and for work that an earlier process accepted.
    package let key: AccessKey?
    /// The time at which the server read the request's head, or at which the work on a background response began.
    package let arrived: ContinuousClock.Instant
    /// A logger with the request's id, or for background work with the response's.
    package private(set) var logger: Logger
    /// The facts about the request; nil for work without a request of its own: background work, and responses over a WebSocket.
    package let request: RequestLife?
    /// The trace of the request, or of the work without a request of its own; nil if traces are off.
    package let trace: RequestTrace?
    /// The end user that the client names; nil for none.
    package let user: String?
    /// The size of the request's body.
    package let inputBytes: Int
    /// The servers that the request has passed.
    package let hops: HopTrail
    /// The account of the request; nil before its admission, and if nothing is counted.
    private(set) var charge: Charge?

    package init(
        owner: Owner, storageOwner: String, key: AccessKey? = nil, arrived: ContinuousClock.Instant, logger: Logger,
        request: RequestLife? = nil, trace: RequestTrace? = nil, user: String? = nil, inputBytes: Int = 0,
        hops: HopTrail = HopTrail()
    ) {
        self.owner = owner
        self.storageOwner = storageOwner
        self.key = key
        self.arrived = arrived
        self.logger = logger
        self.request = request
        self.trace = trace
        self.user = user
        self.inputBytes = inputBytes
        self.hops = hops
    }

    /// Returns the caller with a logger that has a further field.
    func logging(_ key: String, _ value: String) -> Caller {
        var caller = self
        caller.logger[metadataKey: key] = "\(value)"
        return caller
    }

    /// Returns the caller with the account of its request.
    func charging(_ charge: Charge?) -> Caller {
        var caller = self
        caller.charge = charge
        return caller
    }

    /// - isFlex: whether the request runs only when there is no other work.
    /// - isWhole: whether the client gets the answer only when it is complete.
    /// - earlier: the prompt tokens of the request's earlier work.
    func terms(isFlex: Bool = false, isWhole: Bool = false, after earlier: Int = 0) -> ServiceTerms {
        var terms = ServiceTerms(owner: owner, isFlex: isFlex, maximumTokens: key?.limits.maxOutputTokens)
        terms.user = user ?? key?.name
        terms.isWhole = isWhole
        terms.hops = hops
        terms.traceparent = trace?.context.traceparent
        terms.requestID = logger[metadataKey: "request"].map { "\($0)" }
        if let inspection = request?.inspection { terms.inspection = { inspection.note(prompt: $0, piece: $1) } }
        if let charge { terms.admission = { try charge.admit(promptTokens: earlier.saturated(adding: $0)) } }
        return terms
    }
}
