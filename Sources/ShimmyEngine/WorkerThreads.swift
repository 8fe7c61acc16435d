import Foundation

/// Threads that help a calling thread with independent pieces of work, and sleep in between.
///
/// `@unchecked Sendable`: all properties are only accessed while `condition` is locked.
package final class WorkerThreads: @unchecked Sendable {
    package typealias Work = @Sendable (_ piece: Int, _ thread: Int) -> Void

    private let condition = NSCondition()
    private var work: Work?
    /// The index of the next piece that no thread has taken, the number of pieces, and the number of unfinished pieces.
    private var (nextPiece, pieces, unfinished) = (0, 0, 0)
    /// The number of threads that may work now. Thread 0 is the calling thread.
    private var active = 1
    private var isStopped = false

    /// The number of threads, including the calling one.
    package let count: Int

    /// Starts the helper threads.
    /// - count: the number of threads, including the calling one; at least one.
    package init(name: String, count: Int) {
        self.count = max(1, count)
        for thread in 1..<self.count { startThread(named: name) { [self] in help(as: thread) } }
    }

    /// Ends the helper threads. `perform` must not be called afterwards.
    package func stop() {
        condition.withLock {
            isStopped = true
            condition.broadcast()
        }
    }

    /// Runs all pieces, each once, in any order and on any of the threads. Returns when all are done.
    /// - active: the max number of threads that may work.
    package func perform(_ pieces: Int, active: Int, _ work: @escaping Work) {
        guard pieces > 1, min(active, count) > 1 else { return (0..<pieces).forEach { work($0, 0) } }
        condition.lock()
        (self.work, self.active, self.nextPiece, self.pieces, self.unfinished) = (work, active, 0, pieces, pieces)
        condition.broadcast()
        takePieces(as: 0)
        while unfinished > 0 { condition.wait() }
        self.work = nil
        condition.unlock()
    }

    private func help(as thread: Int) {
        condition.lock()
        while !isStopped {
            takePieces(as: thread)
            condition.wait()
        }
        condition.unlock()
    }

    /// Runs pieces until none remains to be taken. The caller holds the lock, which is released while a piece runs.
    private func takePieces(as thread: Int) {
        while let work, thread < active, nextPiece < pieces {
            let piece = nextPiece
            nextPiece += 1
            condition.unlock()
            work(piece, thread)
            condition.lock()
            unfinished -= 1
            if unfinished == 0 { condition.broadcast() }
        }
    }
}
