import Foundation

/// Threads that help another one with pieces of work that do not depend on each other, and sleep in between.
///
/// `@unchecked Sendable`: everything is only touched while `condition` is locked.
package final class Crew: @unchecked Sendable {
    package typealias Work = @Sendable (_ piece: Int, _ member: Int) -> Void

    private let condition = NSCondition()
    private var work: Work?
    /// The next piece that nobody has taken, of how many, and how many are not done.
    private var (next, count, left) = (0, 0, 0)
    /// Members that may work now; the first one is whoever asks.
    private var active = 1
    private var isOver = false

    package let members: Int

    /// - members: threads with the one that asks, at least one.
    package init(name: String, members: Int) {
        self.members = max(1, members)
        for member in 1..<self.members { startThread(named: name) { [self] in help(as: member) } }
    }

    /// Lets the threads end. Nothing is asked of the crew any more.
    package func dismiss() {
        condition.withLock {
            isOver = true
            condition.broadcast()
        }
    }

    /// Does all pieces, each once, in any order on any of the members; returns when all are done.
    /// - active: how many members may work, as long as there are so many.
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

    /// Called with the lock held, which is given up while a piece is done.
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
