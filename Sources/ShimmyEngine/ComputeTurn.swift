import Foundation

/// Lets the engines of a process compute one after the other, a step each, in the order in which they ask.
///
/// The threads of an engine meet at barriers hundreds of times in a step and spin there: two engines that compute at once mostly wait for
/// cores on which the other one spins. Loading a model does not take part.
///
/// `@unchecked Sendable`: everything is only touched while `condition` is locked.
package final class ComputeTurn: @unchecked Sendable {
    /// The one for all engines of the process: they share its cores.
    package static let process = ComputeTurn()

    private let condition = NSCondition()
    /// Like numbers drawn at a counter: whose turn it is, and the next one to be drawn.
    private var (current, next) = (0, 0)
    private var streaming: Set<ObjectIdentifier> = []

    package init() {}

    /// How many wait for their turn.
    package var waiting: Int { condition.withLock { max(0, next - current - 1) } }

    /// An engine, as the others see it. It counts for nothing any more when it is gone.
    package final class Member: Sendable {
        private let turn: ComputeTurn

        package init(_ turn: ComputeTurn) { self.turn = turn }

        deinit { turn.note(ObjectIdentifier(self), streams: false) }

        /// Computes a step when all others that asked before have had theirs.
        /// - body: gets the number of other engines with streams, which wait until it is done.
        package func perform<Value>(_ body: (_ others: Int) throws -> Value) rethrows -> Value {
            let others = turn.begin(ObjectIdentifier(self))
            defer { turn.end() }
            return try body(others)
        }

        /// Says whether streams wait for this engine's next step.
        package func note(streams: Bool) { turn.note(ObjectIdentifier(self), streams: streams) }
    }

    private func begin(_ member: ObjectIdentifier) -> Int {
        condition.withLock {
            let number = next
            next += 1
            while current != number { condition.wait() }
            return streaming.subtracting([member]).count
        }
    }

    private func end() {
        condition.withLock {
            current += 1
            condition.broadcast()
        }
    }

    private func note(_ member: ObjectIdentifier, streams: Bool) {
        condition.withLock { if streams { streaming.insert(member) } else { streaming.remove(member) } }
    }
}
