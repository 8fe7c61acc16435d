/// The decisions about a child process: when it is started again, and which requests wait for that. It has no clock and never waits; times are
/// seconds of a monotonic clock.
///
/// 1. A process that ends before its model was ever loaded is not started again: the load has failed.
/// 2. A process that ends later is started again: at once the first time, then after a time that doubles with each failure, up to a limit.
/// 3. A process that ran for long enough counts as stable, and its end as the first failure.
/// 4. A request waits for a start that is running or near; otherwise it is refused, with the time until the next start.
package struct EngineSupervision: Sendable, Equatable {
    package struct Terms: Sendable, Equatable {
        /// The seconds before the second start after failures. The first one begins at once.
        package var firstDelay = 1.0
        /// The max seconds before a start.
        package var longestDelay = 60.0
        /// The seconds after which a running process counts as stable.
        package var stableSeconds = 60.0
        /// The max seconds before a start for which a request waits.
        package var patience = 1.0

        package init() {}
    }

    package enum Phase: Sendable, Equatable {
        /// The process loads the model.
        case starting
        case running(since: Double)
        /// The process ended, and the next one starts at this time.
        case waiting(until: Double)
        case stopped
    }

    package enum Admission: Sendable, Equatable {
        case open
        case wait
        case refuse(retryAfter: Int)
        case stopped
    }

    package private(set) var phase = Phase.starting
    /// The number of ends since the process was last stable.
    package private(set) var failures = 0
    /// Whether the model was loaded once.
    private var hasRun = false
    private let terms: Terms

    package init(terms: Terms = Terms()) { self.terms = terms }

    /// Notes that the model is loaded.
    package mutating func isReady(at now: Double) {
        guard phase == .starting else { return }
        hasRun = true
        phase = .running(since: now)
    }

    /// Notes the end of the process. Returns the seconds until the next start; nil if there is none.
    package mutating func ended(at now: Double) -> Double? {
        if phase == .stopped { return nil }
        guard hasRun else {
            phase = .stopped
            return nil
        }
        if case .running(let since) = phase, now - since >= terms.stableSeconds { failures = 0 }
        failures += 1
        let delay = Self.delay(failures, terms)
        phase = .waiting(until: now + delay)
        return delay
    }

    private static func delay(_ failures: Int, _ terms: Terms) -> Double {
        if failures <= 1 { return 0 }
        var (delay, doublings) = (terms.firstDelay, failures - 2)
        while doublings > 0, delay < terms.longestDelay { (delay, doublings) = (delay * 2, doublings - 1) }
        return min(delay, terms.longestDelay)
    }

    /// Begins the next start. Returns whether one is due.
    package mutating func restart() -> Bool {
        guard case .waiting = phase else { return false }
        phase = .starting
        return true
    }

    package mutating func stop() { phase = .stopped }

    /// Returns whether a request runs, waits or is refused now.
    package func admission(at now: Double) -> Admission {
        switch phase {
        case .running: .open
        case .starting: .wait
        case .waiting(let time) where time - now <= terms.patience: .wait
        case .waiting(let time): .refuse(retryAfter: Int(min(time - now, terms.longestDelay).rounded(.up)))
        case .stopped: .stopped
        }
    }
}
