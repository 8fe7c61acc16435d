import Foundation

/// A lock that lets the engines of a process compute one after the other, a step each, in the order in which they ask.
///
/// The threads of an engine meet at barriers hundreds of times in a step and spin there. Two engines that compute at once mostly wait for cores on
/// which the other engine's threads spin. Loading a model takes no turn.
///
/// `@unchecked Sendable`: all properties are only accessed while `condition` is locked.
package final class ComputeTurn: @unchecked Sendable {
    /// The instance for all engines of the process, which share its cores.
    package static let process = ComputeTurn()

    private let condition = NSCondition()
    /// Ticket numbers: the one whose turn it is, and the next one to be handed out.
    private var (current, next) = (0, 0)
    private var streaming: Set<ObjectIdentifier> = []

    package init() {}

    /// The number of engines that wait for their turn.
    package var waiting: Int { condition.withLock { max(0, next - current - 1) } }

    /// An engine as a member of the turn. It no longer counts once it is deallocated.
    package final class Member: Sendable {
        private let turn: ComputeTurn

        package init(_ turn: ComputeTurn) { self.turn = turn }

        deinit { turn.note(ObjectIdentifier(self), streams: false) }

        /// Computes a step after all engines that asked earlier have computed theirs.
        /// - body: receives the number of other engines with streams, which wait until it returns.
        package func perform<Value>(_ body: (_ others: Int) throws -> Value) rethrows -> Value {
            let others = turn.begin(ObjectIdentifier(self))
            defer { turn.end() }
            return try body(others)
        }

        /// Records whether streams wait for this engine's next step.
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
