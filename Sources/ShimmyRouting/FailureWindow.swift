/// Counts requests and failures of the last seconds, in a fixed number of intervals.
struct FailureWindow: Hashable, Sendable {
    private struct Interval: Hashable {
        var requests = 0
        var failures = 0
    }

    private static let intervalCount = 10

    private let interval: Duration
    private var intervals = Array(repeating: Interval(), count: intervalCount)
    private var current = 0
    private var currentEnd: ContinuousClock.Instant?

    init(length: Duration) { interval = max(length / Self.intervalCount, .milliseconds(1)) }

    var requests: Int { intervals.reduce(0) { $0 + $1.requests } }
    var failures: Int { intervals.reduce(0) { $0 + $1.failures } }

    mutating func note(isFailure: Bool, at now: ContinuousClock.Instant) {
        advance(to: now)
        intervals[current].requests += 1
        if isFailure { intervals[current].failures += 1 }
    }

    mutating func clear() {
        intervals = Array(repeating: Interval(), count: Self.intervalCount)
        currentEnd = nil
    }

    private mutating func advance(to now: ContinuousClock.Instant) {
        guard let end = currentEnd, now < end + interval * (Self.intervalCount - 1) else {
            clear()
            currentEnd = now + interval
            return
        }
        var next = end
        while next <= now {
            next += interval
            current = (current + 1) % Self.intervalCount
            intervals[current] = Interval()
        }
        currentEnd = next
    }
}
