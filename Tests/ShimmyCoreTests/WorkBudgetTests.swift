import ShimmyCore
import Testing

@Suite struct WorkBudgetTests {
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
