// The errors of requests that a limit of their key refuses.

extension APIError {
    /// The unit that a limit per minute counts.
    package enum Counted: String, Sendable {
        case requests, tokens

        fileprivate var unit: String {
            switch self {
            case .requests: "requests per min (RPM)"
            case .tokens: "tokens per min (TPM)"
            }
        }
    }

    /// - wait: the milliseconds after which a retry makes sense.
    /// - needed: the tokens that the request needs at least; nil if they are not known.
    package static func rateLimited(_ counted: Counted, limit: Int, used: Int, wait: Int, needed: Int? = nil) -> APIError {
        let isTooLarge = needed.map { $0 > limit } ?? false
        let advice = isTooLarge ? "Please shorten the prompt." : "Please try again in \(RateLimitHeaders.duration(wait))."
        return APIError(
            status: 429,
            message: "Rate limit reached for your API key on \(counted.unit): Limit \(limit), Used \(used)\(requested(needed)). \(advice)",
            type: counted.rawValue, code: "rate_limit_exceeded", retryAfter: seconds(wait))
    }

    private static func requested(_ tokens: Int?) -> String { tokens.map { ", Requested \($0)" } ?? "" }

    package static func tooManyAtOnce(limit: Int) -> APIError {
        APIError(
            status: 429, message: "Rate limit reached for your API key on concurrent requests: Limit \(limit). Please wait until one of them ends.",
            type: "requests", code: "rate_limit_exceeded", retryAfter: 1)
    }

    /// - wait: the milliseconds until the end of the day.
    /// - needed: the tokens that the request needs at least; nil if they are not known.
    package static func dayUsedUp(limit: Int, used: Int, wait: Int, needed: Int? = nil) -> APIError {
        let isTooLarge = needed.map { $0 > limit } ?? false
        let advice = isTooLarge ? "Please shorten the prompt." : "The next day in UTC begins in \(RateLimitHeaders.duration(wait))."
        return APIError(
            status: 429,
            message: "You exceeded the quota of your API key on tokens per day (TPD): Limit \(limit), Used \(used)\(requested(needed)). \(advice)",
            type: "insufficient_quota", code: "insufficient_quota", retryAfter: seconds(wait))
    }

    /// Returns whole seconds, rounded up.
    private static func seconds(_ milliseconds: Int) -> Int { max(1, milliseconds / 1000 + (milliseconds % 1000 > 0 ? 1 : 0)) }
}

/// The headers of OpenAI's and Anthropic's APIs about the limits of a key.
package struct RateLimitHeaders: Sendable {
    /// A limit that has a remaining part.
    package struct Part: Sendable {
        let limit: Int
        let remaining: Int
        /// The milliseconds until the whole limit is available.
        let reset: Int

        package init(limit: Int, remaining: Int, reset: Int) {
            self.limit = limit
            self.remaining = remaining
            self.reset = reset
        }
    }

    private let parts: [(counted: String, part: Part)]

    /// - requests, tokens: the limits; nil for none.
    package init(requests: Part?, tokens: Part?) {
        parts = [("requests", requests), ("tokens", tokens)].compactMap { counted, part in part.map { (counted: counted, part: $0) } }
    }

    /// The names of OpenAI's headers.
    package static let names = ["requests", "tokens"].flatMap { counted in
        ["limit", "remaining", "reset"].map { "x-ratelimit-\($0)-\(counted)" }
    }

    /// The names and values of OpenAI's headers.
    package var openAI: [(name: String, value: String)] {
        parts.flatMap { counted, part in
            [
                (name: "x-ratelimit-limit-\(counted)", value: "\(part.limit)"),
                (name: "x-ratelimit-remaining-\(counted)", value: "\(part.remaining)"),
                (name: "x-ratelimit-reset-\(counted)", value: Self.duration(part.reset)),
            ]
        }
    }

    /// Returns the names and values of Anthropic's headers.
    /// - time: returns a time after some milliseconds in RFC 3339's format.
    package func anthropic(_ time: (Int) -> String) -> [(name: String, value: String)] {
        parts.flatMap { counted, part in
            [
                (name: "anthropic-ratelimit-\(counted)-limit", value: "\(part.limit)"),
                (name: "anthropic-ratelimit-\(counted)-remaining", value: "\(part.remaining)"),
                (name: "anthropic-ratelimit-\(counted)-reset", value: time(part.reset)),
            ]
        }
    }

    /// Returns a duration as OpenAI writes it: `120ms`, `1s`, `6m0s`, `13h0m1.5s`.
    package static func duration(_ milliseconds: Int) -> String {
        let (total, rest) = (max(0, milliseconds) / 1000, max(0, milliseconds) % 1000)
        if total == 0, rest > 0 { return "\(rest)ms" }
        let (hours, minutes) = (total / 3600, total / 60 % 60)
        var fraction = ""
        if rest > 0 {
            let digits = String("\(1000 + rest)".dropFirst())
            fraction = "." + String(digits.reversed().drop { $0 == "0" }.reversed())
        }
        return (hours > 0 ? "\(hours)h" : "") + (hours > 0 || minutes > 0 ? "\(minutes)m" : "") + "\(total % 60)\(fraction)s"
    }
}
