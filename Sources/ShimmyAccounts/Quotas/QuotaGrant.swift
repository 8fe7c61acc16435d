/// A reservation of a request and its tokens.
package struct QuotaGrant: Sendable, Equatable {
    let key: String
    /// The requests that count: none for work that an earlier process admitted.
    var requests = 1
    /// The second at which the request counts.
    let second: Int
    /// The second at which the tokens count.
    let tokenSecond: Int
    /// The day in UTC for which the tokens count.
    package let day: Int
    /// The reserved tokens, at most those that the request asks for.
    package let tokens: Int
}

/// The limit that refuses a request.
package struct QuotaRefusal: Error, Sendable, Equatable {
    package enum Limit: Sendable, Equatable {
        case requestsPerMinute, tokensPerMinute, tokensPerDay, concurrency
    }

    package let kind: Limit
    package let limit: Int
    package let used: Int
    /// The milliseconds after which the request would be admitted, as far as that is known.
    package let wait: Int
    /// The tokens that the request needs at least; nil before they are known.
    package let needed: Int?

    init(_ kind: Limit, limit: Int, used: Int, wait: Int, needed: Int? = nil) {
        self.kind = kind
        self.limit = limit
        self.used = used
        self.wait = wait
        self.needed = needed
    }
}

/// The remaining part of a key's limits. A limit that the key does not have is nil.
package struct QuotaState: Sendable, Equatable {
    package struct Part: Sendable, Equatable {
        package let limit: Int
        package let remaining: Int
        /// The milliseconds until the whole limit is available, if nothing is used.
        package let reset: Int
    }

    package let requests: Part?
    /// The limit for a minute, or for the day if the key has no other.
    package let tokens: Part?
}
