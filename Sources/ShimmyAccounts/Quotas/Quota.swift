/// The use of a key's limits.
///
/// The state counts, whether the key has limits or not: a limit that is set later applies to what was counted before.
struct Quota: Sendable, Equatable {
    private var requests = MinuteWindow()
    private var tokens = MinuteWindow()
    /// The day of `dayTokens`.
    private(set) var day = 0
    private(set) var dayTokens = 0
    private(set) var running = 0

    /// The max tokens that resumed work reserves.
    private static let mostResumed = 1 << 20

    init(day: Int = 0, dayTokens: Int = 0) {
        self.day = day
        self.dayTokens = dayTokens
    }

    /// Whether the state contains nothing that matters at the time to which it was advanced.
    var isEmpty: Bool { running == 0 && requests.total == 0 && tokens.total == 0 && dayTokens == 0 }

    /// Drops the amounts that have expired at a time.
    mutating func advance(to moment: QuotaMoment) {
        requests.advance(to: moment.second)
        tokens.advance(to: moment.second)
        // A clock that is set back a little does not begin the earlier day again.
        if moment.day > day || moment.day < day - 1 {
            day = moment.day
            dayTokens = 0
        }
    }

    /// Reserves a request and tokens, or returns the limit that refuses it. Changes nothing in that case.
    /// - estimate: the estimated tokens of prompt and answers; 0 for work that computes nothing.
    mutating func admit(_ key: String, _ limits: AccessKey.Limits, tokens estimate: Int, at moment: QuotaMoment) -> Result<QuotaGrant, QuotaRefusal> {
        advance(to: moment)
        var granted = max(0, estimate)
        if granted > 0, let limit = limits.tokensPerDay {
            let remaining = limit - dayTokens
            if remaining <= 0 { return .failure(QuotaRefusal(.tokensPerDay, limit: limit, used: dayTokens, wait: moment.dayRemaining)) }
            granted = min(granted, remaining)
        }
        if let limit = limits.concurrency, running >= limit {
            return .failure(QuotaRefusal(.concurrency, limit: limit, used: running, wait: 1000))
        }
        if let limit = limits.requestsPerMinute, requests.total >= limit {
            let wait = requests.wait(until: limit - 1, now: moment.milliseconds)
            return .failure(QuotaRefusal(.requestsPerMinute, limit: limit, used: requests.total, wait: wait))
        }
        if granted > 0, let limit = limits.tokensPerMinute {
            // A request that is larger than the limit needs a minute of its own.
            granted = min(granted, limit)
            if tokens.total > limit - granted {
                let wait = tokens.wait(until: limit - granted, now: moment.milliseconds)
                return .failure(QuotaRefusal(.tokensPerMinute, limit: limit, used: tokens.total, wait: wait))
            }
        }
        requests.add(1)
        tokens.add(granted)
        dayTokens += granted
        running += 1
        return .success(QuotaGrant(key: key, second: moment.second, tokenSecond: moment.second, day: day, tokens: granted))
    }

    /// Reserves tokens for work that an earlier process admitted. No limit refuses it, and it is not a new request.
    mutating func resume(_ key: String, tokens estimate: Int, at moment: QuotaMoment) -> QuotaGrant {
        advance(to: moment)
        // Bounds the reservation of a stored request, so that the sums stay in range.
        let granted = min(max(0, estimate), Self.mostResumed)
        tokens.add(granted)
        dayTokens += granted
        running += 1
        return QuotaGrant(key: key, requests: 0, second: moment.second, tokenSecond: moment.second, day: day, tokens: granted)
    }

    /// Raises a reservation, once it is known how many tokens the work needs. Grants fewer if a limit leaves fewer, or returns the limit that leaves
    /// too few for the work to begin. Changes nothing in that case.
    /// - least: the tokens without which the work cannot begin, at most `needed`.
    mutating func raise(
        _ grant: QuotaGrant, _ limits: AccessKey.Limits, to needed: Int, atLeast least: Int, at moment: QuotaMoment
    ) -> Result<QuotaGrant, QuotaRefusal> {
        advance(to: moment)
        if needed <= grant.tokens { return .success(grant) }
        var granted = needed
        // The tokens count for the day on which the request began.
        if grant.day == day, let limit = limits.tokensPerDay {
            let others = dayTokens - grant.tokens
            if limit - others < least {
                return .failure(QuotaRefusal(.tokensPerDay, limit: limit, used: others, wait: moment.dayRemaining, needed: least))
            }
            granted = min(granted, limit - others)
        }
        // The tokens count from now on: their reservation may have left the window while the work waited.
        var window = tokens
        window.remove(grant.tokens, addedAt: grant.tokenSecond)
        if let limit = limits.tokensPerMinute {
            if limit - window.total < least {
                let wait = window.wait(until: max(0, limit - least), now: moment.milliseconds)
                return .failure(QuotaRefusal(.tokensPerMinute, limit: limit, used: window.total, wait: wait, needed: least))
            }
            granted = min(granted, limit - window.total)
        }
        window.add(granted)
        tokens = window
        if grant.day == day { dayTokens += granted - grant.tokens }
        return .success(
            QuotaGrant(
                key: grant.key, requests: grant.requests, second: grant.second, tokenSecond: moment.second, day: grant.day, tokens: granted))
    }

    /// Replaces a reservation with the actual use.
    mutating func settle(_ grant: QuotaGrant, tokens used: Int, keepsRequest: Bool, at moment: QuotaMoment) {
        advance(to: moment)
        running = max(0, running - 1)
        if !keepsRequest { requests.remove(grant.requests, addedAt: grant.second) }
        let difference = used - grant.tokens
        if difference < 0 { tokens.remove(-difference, addedAt: grant.tokenSecond) } else { tokens.add(difference) }
        // The tokens of an answer count for the day on which it began.
        if grant.day == day { dayTokens = max(0, dayTokens + difference) }
    }

    /// Returns the remaining part of the limits at a time to which the state was advanced, as the headers about limits have it.
    func state(_ limits: AccessKey.Limits, at moment: QuotaMoment) -> QuotaState {
        let use = use(limits, at: moment)
        return QuotaState(requests: use.requestsPerMinute, tokens: use.tokensPerMinute ?? use.tokensPerDay)
    }

    /// Returns the remaining part of each limit at a time to which the state was advanced.
    func use(_ limits: AccessKey.Limits, at moment: QuotaMoment) -> QuotaUse {
        func part(_ limit: Int, used: Int, reset: Int) -> QuotaState.Part {
            QuotaState.Part(limit: limit, remaining: max(0, limit - used), reset: reset)
        }
        return QuotaUse(
            requestsPerMinute: limits.requestsPerMinute.map {
                part($0, used: requests.total, reset: requests.wait(until: 0, now: moment.milliseconds))
            },
            tokensPerMinute: limits.tokensPerMinute.map {
                part($0, used: tokens.total, reset: tokens.wait(until: 0, now: moment.milliseconds))
            },
            tokensPerDay: limits.tokensPerDay.map { part($0, used: dayTokens, reset: dayTokens == 0 ? 0 : moment.dayRemaining) },
            concurrency: limits.concurrency.map { part($0, used: running, reset: 0) })
    }
}
