import ShimmyCore
import Synchronization
import Testing

/// Clocks that only the test advances.
private final class Clocks: Sendable {
    private let times = Mutex((wall: Duration.zero, thread: Duration.zero))

    var clock: WorkClock { WorkClock(wall: { self.times.withLock { $0.wall } }, thread: { self.times.withLock { $0.thread } }) }

    func pass(wall: Double, thread: Double) {
        times.withLock { times in
            times.wall += .seconds(wall)
            times.thread += .seconds(thread)
        }
    }
}

@Suite struct WorkBudgetTests {
    @Test func aBudgetOfProcessorTimeIgnoresTheTimeOfOtherThreads() throws {
        let clocks = Clocks()
        let budget = WorkBudget(seconds: 2, of: .processor, clock: clocks.clock)
        clocks.pass(wall: 100, thread: 1.5)
        try budget.check()
        #expect(!budget.isOver)
        clocks.pass(wall: 1, thread: 1)
        #expect(budget.isOver)
        #expect(throws: WorkStopped.tooLong(seconds: 2)) { try budget.check() }
    }

    @Test func aBudgetOfTimeEndsWithoutWork() {
        let clocks = Clocks()
        let whole = WorkBudget(seconds: 20, clock: clocks.clock)
        let part = WorkBudget(seconds: 2, of: .processor, within: whole, clock: clocks.clock)
        clocks.pass(wall: 21, thread: 1)
        #expect(!part.isOver && whole.isOver)
        #expect(throws: WorkStopped.tooLong(seconds: 20)) { try part.check() }
    }

    @Test func theClockOfAThreadCountsItsWork() {
        let begin = WorkClock.system.thread()
        var sum = 0.0
        while WorkClock.system.thread() - begin < .milliseconds(2) { sum += 1 }
        #expect(sum > 0)
    }

    @Test func aPartEndsWithTheWhole() throws {
        let whole = WorkBudget()
        let part = WorkBudget(seconds: 100, within: whole)
        try part.check()
        whole.cancel()
        #expect(throws: WorkStopped.cancelled) { try part.check() }
    }

    @Test func aPartHasATimeOfItsOwn() throws {
        let part = WorkBudget(seconds: -1, within: WorkBudget(seconds: 100))
        #expect(throws: WorkStopped.tooLong(seconds: -1)) { try part.check() }
    }

    @Test func workKnowsItsBudget() async throws {
        let pool = WorkerPool(name: "test", threads: 2)
        defer { pool.shutdown() }
        #expect(try await pool.run(seconds: 3) { budget in WorkBudget.current === budget })
        #expect(WorkBudget.current == nil)
    }

    @Test func allWorkOfARequestCounts() async throws {
        let allowance = WorkAllowance(seconds: 2)
        #expect(allowance.remaining == 2)
        allowance.spend {}
        let first = allowance.remaining
        #expect(first < 2 && first > 1)
        #expect(throws: CancellationError.self) { try allowance.spend { throw CancellationError() } }
        #expect(allowance.remaining < first)
    }

    @Test func aRequestHasOneAllowance() async {
        #expect(WorkAllowance.current == nil)
        let (outer, inner) = await WorkAllowance.limiting { (WorkAllowance.current, await Task { WorkAllowance.current }.value) }
        #expect(outer != nil && outer === inner)
    }
}
