import Foundation

/// A pool of threads that help a calling thread with independent pieces of work, and sleep in between.
///
/// `@unchecked Sendable`: all properties are only accessed while `condition` is locked.
package final class Crew: @unchecked Sendable {
    package typealias Work = @Sendable (_ piece: Int, _ member: Int) -> Void

    private let condition = NSCondition()
    private var work: Work?
    /// The index of the next piece that no thread has taken, the number of pieces, and the number of unfinished pieces.
    private var (next, count, left) = (0, 0, 0)
    /// The number of members that may work now. Member 0 is the calling thread.
    private var active = 1
    private var isOver = false

    package let members: Int

    /// Starts the helper threads.
    /// - members: the number of threads, including the calling one; at least one.
    package init(name: String, members: Int) {
        self.members = max(1, members)
        for member in 1..<self.members { startThread(named: name) { [self] in help(as: member) } }
    }

    /// Ends the helper threads. `perform` must not be called afterwards.
    package func dismiss() {
        condition.withLock {
            isOver = true
            condition.broadcast()
        }
    }

    /// Runs all pieces, each once, in any order and on any of the members. Returns when all are done.
    /// - active: the max number of members that may work.
    package func perform(_ count: Int, active: Int, _ work: @escaping Work) {
        guard count > 1, min(active, members) > 1 else { return (0..<count).forEach { work($0, 0) } }
        condition.lock()
        (self.work, self.active, self.next, self.count, self.left) = (work, active, 0, count, count)
        condition.broadcast()
        takePieces(as: 0)
        while left > 0 { condition.wait() }
        self.work = nil
        condition.unlock()
    }

    private func help(as member: Int) {
        condition.lock()
        while !isOver {
            takePieces(as: member)
            condition.wait()
        }
        condition.unlock()
    }

    /// Runs pieces until none is left to take. The caller holds the lock, which is released while a piece runs.
    private func takePieces(as member: Int) {
        while let work, member < active, next < count {
            let piece = next
            next += 1
            condition.unlock()
            work(piece, member)
            condition.lock()
            left -= 1
            if left == 0 { condition.broadcast() }
        }
    }
}
