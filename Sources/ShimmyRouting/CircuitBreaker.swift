/// Keeps requests away from a replica that fails.
///
/// It opens after consecutive failures or at a high rate of failures, for a time that doubles each time. After that time it lets one request through,
/// the probe, whose outcome closes or opens it. A replica without an alternative gets requests during its pauses, too. Their failures do not lengthen
/// the pause.
package struct CircuitBreaker: Hashable, Sendable {
    package struct Limits: Hashable, Sendable {
        /// The number of consecutive failures that open the breaker.
        package var consecutiveFailures = 5
        /// The share of failures that opens it, if the window has at least `windowRequests` requests.
        package var failureRate = 0.5
        package var windowRequests = 20
        package var window = Duration.seconds(30)
        /// How long it is open the first time, and at most.
        package var firstPause = Duration.seconds(1)
        package var maxPause = Duration.seconds(60)
        /// The max time for which an upstream's `retry-after` is respected.
        package var maxRetryAfter = Duration.seconds(600)
        /// The max part of a pause that is added to it at random, so that many breakers do not close at once.
        package var jitter = 0.2

        package init() {}
    }

    package enum State: Hashable, Sendable {
        case closed
        case open(until: ContinuousClock.Instant)
        /// The pause is over; the next request is the probe.
        case halfOpen
        /// The probe is in flight.
        case probing
    }

    private enum Stored: Hashable {
        case closed
        case open(until: ContinuousClock.Instant)
        case probing(after: ContinuousClock.Instant)
    }

    /// The number of pauses after which the next one is no longer doubled, whatever the limits are.
    private static let maxPauses = 32

    private let limits: Limits
    private var stored = Stored.closed
    private var window: FailureWindow
    private var consecutiveFailures = 0
    /// The number of pauses since the last success.
    private var pauses = 0
    /// Whether the upstream asked for the last pause.
    private var wasAsked = false

    package init(limits: Limits = Limits()) {
        self.limits = limits
        window = FailureWindow(length: limits.window)
    }

    package func state(at now: ContinuousClock.Instant) -> State {
        switch stored {
        case .closed: .closed
        case .open(let until): until > now ? .open(until: until) : .halfOpen
        case .probing: .probing
        }
    }

    /// Notes the start of a request. Returns whether it is a probe: every request that starts while the breaker is not closed, because the router
    /// offers an open replica if there is no other.
    package mutating func started() -> Bool {
        switch stored {
        case .closed: return false
        case .open(let until): stored = .probing(after: until)
        case .probing: break
        }
        return true
    }

    package mutating func succeeded(wasProbe: Bool, at now: ContinuousClock.Instant) {
        if wasProbe, isProbing { close() }
        // While the breaker is open, requests that started before can still succeed. They do not close it.
        guard stored == .closed else { return }
        consecutiveFailures = 0
        pauses = 0
        window.note(isFailure: false, at: now)
    }

    /// Notes a failure.
    ///
    /// - retryAfter: the pause that the upstream asks for. It opens the breaker at once.
    /// - random: a number in 0..<1 for the jitter.
    package mutating func failed(wasProbe: Bool, retryAfter: Duration? = nil, random: Double, at now: ContinuousClock.Instant) {
        if let retryAfter, retryAfter > .zero {
            open(for: min(retryAfter, limits.maxRetryAfter), random, at: now)
            wasAsked = true
            return
        }
        if wasProbe, case .probing(let until) = stored {
            if until > now { stored = .open(until: until) } else { open(for: pause, random, at: now) }
            return
        }
        guard stored == .closed else { return }
        consecutiveFailures += 1
        window.note(isFailure: true, at: now)
        let requests = window.requests
        let isRateHigh = requests >= max(1, limits.windowRequests) && Double(window.failures) >= limits.failureRate * Double(requests)
        if consecutiveFailures >= limits.consecutiveFailures || isRateHigh { open(for: pause, random, at: now) }
    }

    /// Notes that a request ended without saying anything about the replica, such as one whose client disconnected.
    package mutating func abandoned(wasProbe: Bool) {
        // The next request is the probe instead.
        if wasProbe, case .probing(let until) = stored { stored = .open(until: until) }
    }

    /// Ends a pause after failures, because a health check found the replica working again. The next request is the probe. A pause that the upstream
    /// asked for goes on.
    package mutating func recovered(at now: ContinuousClock.Instant) {
        guard case .open(let until) = stored, !wasAsked else { return }
        stored = .open(until: min(until, now))
        pauses = 0
    }

    private mutating func close() {
        stored = .closed
        consecutiveFailures = 0
        pauses = 0
        window.clear()
    }

    /// Whether a pause has not ended yet.
    private func isPaused(at now: ContinuousClock.Instant) -> Bool {
        switch stored {
        case .closed: false
        case .open(let until), .probing(let until): until > now
        }
    }

    private var isProbing: Bool {
        if case .probing = stored { true } else { false }
    }

    private var pause: Duration {
        var pause = limits.firstPause
        for _ in 0..<pauses where pause < limits.maxPause { pause *= 2 }
        return min(pause, limits.maxPause)
    }

    private mutating func open(for pause: Duration, _ random: Double, at now: ContinuousClock.Instant) {
        let jitter = pause * (min(max(limits.jitter, 0), 1) * min(max(random, 0), 1))
        var until = now + pause + jitter
        if case .open(let earlier) = stored { until = max(until, earlier) }
        // A pause that replaces one in progress is not one more.
        if !isPaused(at: now) { pauses = min(pauses + 1, Self.maxPauses) }
        stored = .open(until: until)
        wasAsked = false
        consecutiveFailures = 0
        window.clear()
    }
}
