package import Foundation

/// A key that an administrator created: its holder, its permissions and its limits. It contains no secret: a key's text exists only in the answer
/// that created it.
package struct AccessKey: Sendable, Equatable {
    /// The permissions of a key's holder.
    package enum Role: String, Sendable, CaseIterable {
        /// Uses models and owns objects.
        case user
        /// Also changes models by hand, and sees the state and the usage of the whole server.
        case admin
    }

    /// The limits of a key; nil means unlimited.
    package struct Limits: Sendable, Equatable {
        package var requestsPerMinute: Int?
        /// Tokens of prompts and answers.
        package var tokensPerMinute: Int?
        /// Tokens of prompts and answers on one day in UTC.
        package var tokensPerDay: Int?
        /// Requests at the same time.
        package var concurrency: Int?
        /// The max tokens of one answer.
        package var maxOutputTokens: Int?

        package init(
            requestsPerMinute: Int? = nil, tokensPerMinute: Int? = nil, tokensPerDay: Int? = nil, concurrency: Int? = nil,
            maxOutputTokens: Int? = nil
        ) {
            self.requestsPerMinute = requestsPerMinute
            self.tokensPerMinute = tokensPerMinute
            self.tokensPerDay = tokensPerDay
            self.concurrency = concurrency
            self.maxOutputTokens = maxOutputTokens
        }
    }

    /// `key_` and 24 letters and digits; for a key of the configuration, derived from its hash. It is the same for the key's whole life.
    package let id: String
    /// The last characters of the key's text, by which people tell keys apart; nil if they are not known.
    package var hint: String?
    /// A name for people, unique among the keys that are not revoked.
    package var name: String
    package var role: Role
    /// Patterns of model names that the key may use, with `*` for any text; empty means all models.
    package var models: [String]
    package var limits: Limits
    /// The key's share of a busy server, relative to the other keys.
    package var weight: Double
    package let created: Date
    /// The time from which the key is no longer valid; nil if it does not expire.
    package var expires: Date?
    package var revoked: Date?

    package init(
        id: String, name: String, role: Role = .user, models: [String] = [], limits: Limits = Limits(), weight: Double = 1, created: Date,
        expires: Date? = nil, revoked: Date? = nil
    ) {
        self.id = id
        self.name = name
        self.role = role
        self.models = models
        self.limits = limits
        self.weight = weight
        self.created = created
        self.expires = expires
        self.revoked = revoked
    }

    /// Returns the reason why the key opens nothing at a time; nil if it is valid.
    package func obstacle(at time: Date) -> Obstacle? {
        if revoked != nil { return .revoked }
        if let expires, expires <= time { return .expired }
        return nil
    }

    package enum Obstacle: Sendable {
        case revoked, expired
    }
}
