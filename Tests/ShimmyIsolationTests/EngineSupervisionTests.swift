import ShimmyIsolation
import Testing

@Suite struct EngineSupervisionTests {
    /// Returns a supervision whose process has run since the time 0.
    private func running(_ change: (inout EngineSupervision.Terms) -> Void = { _ in }) -> EngineSupervision {
        var terms = EngineSupervision.Terms()
        change(&terms)
        var supervision = EngineSupervision(terms: terms)
        supervision.isReady(at: 0)
        return supervision
    }

    @Test func requestsWaitForTheFirstStart() {
        var supervision = EngineSupervision()
        #expect(supervision.admission(at: 0) == .wait)
        supervision.isReady(at: 5)
        #expect(supervision.admission(at: 5) == .open)
        #expect(supervision.phase == .running(since: 5))
    }

    @Test func aFailedLoadIsNotRepeated() {
        var supervision = EngineSupervision()
        #expect(supervision.ended(at: 1) == nil)
        #expect(supervision.phase == .stopped)
        let restarts = supervision.restart()
        #expect(!restarts)
        #expect(supervision.admission(at: 2) == .stopped)
    }

    @Test func theFirstCrashIsFollowedByAStartAtOnce() {
        var supervision = running()
        #expect(supervision.ended(at: 10) == 0)
        #expect(supervision.admission(at: 10) == .wait)
        let restarts = supervision.restart()
        #expect(restarts && supervision.phase == .starting)
        supervision.isReady(at: 12)
        #expect(supervision.admission(at: 12) == .open)
    }

    @Test func theTimeBetweenStartsDoublesUpToALimit() {
        var supervision = running { $0.longestDelay = 10 }
        var delays: [Double] = []
        for _ in 0..<7 {
            delays.append(supervision.ended(at: 1) ?? -1)
            _ = supervision.restart()
        }
        #expect(delays == [0, 1, 2, 4, 8, 10, 10])
    }

    @Test func aManyTimesFailedProcessStillStartsAgain() {
        var supervision = running()
        for _ in 0..<10_000 {
            let delay = supervision.ended(at: 1)
            #expect(delay != nil && delay! <= 60)
            _ = supervision.restart()
        }
    }

    @Test func aStableProcessBeginsAnew() {
        var supervision = running { $0.stableSeconds = 30 }
        _ = supervision.ended(at: 1)
        _ = supervision.restart()
        supervision.isReady(at: 2)
        #expect(supervision.ended(at: 20) == 1)
        _ = supervision.restart()
        supervision.isReady(at: 22)
        #expect(supervision.ended(at: 52) == 0)
        #expect(supervision.failures == 1)
    }

    @Test func requestsAreRefusedWhileTheNextStartIsFar() {
        var supervision = running { ($0.patience, $0.firstDelay) = (1, 8) }
        _ = supervision.ended(at: 0)
        _ = supervision.restart()
        #expect(supervision.ended(at: 0) == 8)
        #expect(supervision.admission(at: 0.5) == .refuse(retryAfter: 8))
        #expect(supervision.admission(at: 6.5) == .refuse(retryAfter: 2))
        #expect(supervision.admission(at: 7.5) == .wait)
        // The timer is late.
        #expect(supervision.admission(at: 9) == .wait)
    }

    @Test func nothingStartsAfterTheStop() {
        var supervision = running()
        supervision.stop()
        #expect(supervision.ended(at: 3) == nil)
        let restarts = supervision.restart()
        #expect(!restarts)
        supervision.isReady(at: 4)
        #expect(supervision.admission(at: 5) == .stopped)
    }

    @Test func onlyOneStartFollowsAnEnd() {
        var supervision = running()
        _ = supervision.ended(at: 1)
        let first = supervision.restart()
        let second = supervision.restart()
        #expect(first && !second)
    }
}
