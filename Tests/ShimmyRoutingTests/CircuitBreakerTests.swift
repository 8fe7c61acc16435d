import ShimmyRouting
import Testing

@Suite struct CircuitBreakerTests {
    private let start = ContinuousClock.now

    private func limits() -> CircuitBreaker.Limits {
        var limits = CircuitBreaker.Limits()
        limits.consecutiveFailures = 3
        limits.windowRequests = 10
        return limits
    }

    /// Returns a breaker that opened at the start, for a second.
    private func opened() -> CircuitBreaker {
        var breaker = CircuitBreaker(limits: limits())
        for _ in 0..<3 { breaker.failed(wasProbe: false, random: 0, at: start) }
        return breaker
    }

    @Test func consecutiveFailuresOpenIt() {
        var breaker = CircuitBreaker(limits: limits())
        breaker.failed(wasProbe: false, random: 0, at: start)
        breaker.failed(wasProbe: false, random: 0, at: start)
        breaker.succeeded(wasProbe: false, at: start)
        breaker.failed(wasProbe: false, random: 0, at: start)
        breaker.failed(wasProbe: false, random: 0, at: start)
        #expect(breaker.state(at: start) == .closed)
        breaker.failed(wasProbe: false, random: 0, at: start)
        #expect(breaker.state(at: start) == .open(until: start + .seconds(1)))
        #expect(breaker.state(at: start + .seconds(1)) == .halfOpen)
    }

    @Test func aHighRateOfFailuresOpensIt() {
        var breaker = CircuitBreaker(limits: limits())
        for second in 0..<9 {
            let now = start + .seconds(second)
            if second % 2 == 0 { breaker.failed(wasProbe: false, random: 0, at: now) } else { breaker.succeeded(wasProbe: false, at: now) }
            #expect(breaker.state(at: now) == .closed)
        }
        breaker.failed(wasProbe: false, random: 0, at: start + .seconds(9))
        #expect(breaker.state(at: start + .seconds(9)) != .closed)
    }

    @Test func oldFailuresDoNotCount() {
        var breaker = CircuitBreaker(limits: limits())
        for second in stride(from: 0, to: 400, by: 20) {
            let now = start + .seconds(second)
            for _ in 0..<2 { breaker.failed(wasProbe: false, random: 0, at: now) }
            for _ in 0..<2 { breaker.succeeded(wasProbe: false, at: now) }
            #expect(breaker.state(at: now) == .closed)
        }
    }

    @Test func aSuccessfulProbeClosesIt() {
        var breaker = opened()
        let isProbe = breaker.started()
        #expect(isProbe)
        #expect(breaker.state(at: start + .seconds(1)) == .probing)
        breaker.succeeded(wasProbe: true, at: start + .seconds(1))
        #expect(breaker.state(at: start + .seconds(1)) == .closed)
        let isAnother = breaker.started()
        #expect(!isAnother)
    }

    @Test func pausesGrowUpToTheLimit() {
        var breaker = opened()
        var now = start
        var pauses: [Duration] = []
        for _ in 0..<8 {
            guard case .open(let until) = breaker.state(at: now) else { break }
            pauses.append(until - now)
            now = until
            let isProbe = breaker.started()
            #expect(isProbe)
            breaker.failed(wasProbe: true, random: 0, at: now)
        }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60].map { Duration.seconds($0) })
    }

    /// A replica without an alternative gets requests during its pauses.
    @Test func failuresDuringAPauseDoNotLengthenIt() {
        var breaker = opened()
        for milliseconds in stride(from: 0, to: 1_000, by: 50) {
            let now = start + .milliseconds(milliseconds)
            let isProbe = breaker.started()
            #expect(isProbe && breaker.state(at: now) == .probing)
            breaker.failed(wasProbe: true, random: 0.9, at: now)
            #expect(breaker.state(at: now) == .open(until: start + .seconds(1)))
        }
        // After the pause, the next failure begins one of twice the length.
        _ = breaker.started()
        breaker.failed(wasProbe: true, random: 0, at: start + .seconds(1))
        #expect(breaker.state(at: start + .seconds(1)) == .open(until: start + .seconds(3)))
    }

    @Test func pausesGrowOnceForEachPauseThatIsOver() {
        var breaker = opened()
        // Requests fail every 100 ms for five minutes.
        var ends: Set<ContinuousClock.Instant> = []
        for step in 0..<3_000 {
            let now = start + .milliseconds(100 * step)
            _ = breaker.started()
            breaker.failed(wasProbe: true, random: 0, at: now)
            if case .open(let until) = breaker.state(at: now) { ends.insert(until) }
        }
        let found = ends.sorted().map { $0 - start }
        #expect(found == [1, 3, 7, 15, 31, 63, 123, 183, 243, 303].map { Duration.seconds($0) })
    }

    @Test func pausesThatAreAskedForDuringAPauseDoNotLengthenTheNextOne() {
        var breaker = CircuitBreaker(limits: limits())
        for _ in 0..<20 {
            _ = breaker.started()
            breaker.failed(wasProbe: true, retryAfter: .seconds(1), random: 0, at: start)
        }
        #expect(breaker.state(at: start) == .open(until: start + .seconds(1)))
        let end = start + .seconds(1)
        _ = breaker.started()
        breaker.failed(wasProbe: true, random: 0, at: end)
        #expect(breaker.state(at: end) == .open(until: end + .seconds(2)))
    }

    @Test func aSuccessDuringAPauseEndsIt() {
        var breaker = opened()
        _ = breaker.started()
        breaker.failed(wasProbe: true, random: 0, at: start)
        let isProbe = breaker.started()
        breaker.succeeded(wasProbe: isProbe, at: start)
        #expect(breaker.state(at: start) == .closed)
    }

    @Test func jitterIsBounded() {
        for random in [-1, 0, 0.5, 0.999, 1, 7] {
            var breaker = CircuitBreaker(limits: limits())
            for _ in 0..<3 { breaker.failed(wasProbe: false, random: random, at: start) }
            guard case .open(let until) = breaker.state(at: start) else {
                Issue.record("the breaker is closed")
                continue
            }
            #expect(until >= start + .seconds(1) && until <= start + .milliseconds(1201))
        }
    }

    @Test func retryAfterOpensItAtOnceForABoundedTime() {
        var breaker = CircuitBreaker(limits: limits())
        breaker.failed(wasProbe: false, retryAfter: .seconds(20), random: 0, at: start)
        #expect(breaker.state(at: start) == .open(until: start + .seconds(20)))
        // A shorter time from a request that started earlier does not open it earlier.
        breaker.failed(wasProbe: false, retryAfter: .seconds(5), random: 0, at: start)
        #expect(breaker.state(at: start) == .open(until: start + .seconds(20)))
        var patient = CircuitBreaker(limits: limits())
        patient.failed(wasProbe: false, retryAfter: .seconds(1_000_000), random: 0, at: start)
        #expect(patient.state(at: start) == .open(until: start + .seconds(600)))
    }

    @Test func onlyTheProbeDecides() {
        var breaker = opened()
        breaker.succeeded(wasProbe: false, at: start)
        #expect(breaker.state(at: start) == .open(until: start + .seconds(1)))
        let isProbe = breaker.started()
        #expect(isProbe)
        breaker.failed(wasProbe: false, random: 0, at: start + .seconds(1))
        #expect(breaker.state(at: start + .seconds(1)) == .probing)
        breaker.abandoned(wasProbe: true)
        #expect(breaker.state(at: start + .seconds(1)) == .halfOpen)
    }

    @Test func aRecoveryEndsAPauseAfterFailures() {
        var breaker = opened()
        _ = breaker.started()
        breaker.failed(wasProbe: true, random: 0, at: start)
        breaker.recovered(at: start)
        #expect(breaker.state(at: start) == .halfOpen)
        // The next pause is the first one again.
        _ = breaker.started()
        breaker.failed(wasProbe: true, random: 0, at: start)
        #expect(breaker.state(at: start) == .open(until: start + .seconds(1)))
        // The upstream knows better when it has room.
        var asked = CircuitBreaker(limits: limits())
        asked.failed(wasProbe: false, retryAfter: .seconds(20), random: 0, at: start)
        asked.recovered(at: start)
        #expect(asked.state(at: start) == .open(until: start + .seconds(20)))
        var closed = CircuitBreaker(limits: limits())
        closed.recovered(at: start)
        #expect(closed.state(at: start) == .closed)
    }
}
