import Foundation
import ShimmyCore
import Synchronization
import Testing

/// A gate that blocks work until the test opens it.
private final class Gate: @unchecked Sendable {
    private let condition = NSCondition()
    private var isOpen = false

    func open() {
        condition.withLock {
            isOpen = true
            condition.broadcast()
        }
    }

    func pass() {
        condition.withLock { while !isOpen { condition.wait() } }
    }
}

private final class Counter: Sendable {
    private let value = Mutex(0)
    var count: Int { value.withLock { $0 } }
    func add() { value.withLock { $0 += 1 } }
}

@Suite struct WorkerPoolTests {
    @Test func workRunsOnAnotherThreadWithALargeStack() async throws {
        let pool = WorkerPool(name: "test", threads: 2)
        defer { pool.shutdown() }
        @Sendable func depth(_ left: Int) -> Int {
            left == 0 ? 0 : 1 + withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { _ in depth(left - 1) }
        }
        // About 20 MB of stack, more than any default size.
        #expect(try await pool.run { _ in depth(20_000) } == 20_000)
    }

    @Test func slowWorkLeavesThreadsToQuickWork() async throws {
        let pool = WorkerPool(name: "test", threads: 4)
        defer { pool.shutdown() }
        let gate = Gate()
        async let slow: [Int] = withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<8 {
                group.addTask {
                    try await pool.run(.slow) { _ in
                        gate.pass()
                        return index
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let quick = try await pool.run { _ in 7 }
        #expect(quick == 7)
        gate.open()
        let all = try await slow
        #expect(all.sorted() == Array(0..<8))
    }

    @Test func workThatTakesTooLongIsStopped() async throws {
        let pool = WorkerPool(name: "test", threads: 2)
        defer { pool.shutdown() }
        let stopped = await #expect(throws: WorkStopped.self) {
            try await pool.run(seconds: 0.01) { budget in while true { try budget.check() } }
        }
        // On a busy machine, the time that passes may end first.
        #expect(stopped == .tooLong(seconds: 0.01) || stopped == .tooLong(seconds: 0.01 * InputLimits.standard.waitFactor))
    }

    @Test func cancellationStopsWorkThatRunsAndWorkThatWaits() async throws {
        let pool = WorkerPool(name: "test", threads: 2)
        defer { pool.shutdown() }
        let (began, release, counter) = (Gate(), Gate(), Counter())
        let running = Task {
            try await pool.run { budget in
                counter.add()
                began.open()
                while true { try budget.check() }
            }
        }
        began.pass()
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }

        let blockers = (0..<2).map { _ in Task { try await pool.run { _ in release.pass() } } }
        let waiting = Task { try await pool.run { _ in counter.add() } }
        waiting.cancel()
        release.open()
        for blocker in blockers { try await blocker.value }
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(counter.count == 1)
    }

    @Test func errorsOfTheWorkArriveAsTheyAre() async throws {
        struct Mistake: Error {}
        let pool = WorkerPool(name: "test", threads: 2)
        defer { pool.shutdown() }
        await #expect(throws: Mistake.self) { try await pool.run { _ in throw Mistake() } as Void }
    }
}
