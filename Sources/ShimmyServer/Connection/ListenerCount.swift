import Synchronization

/// Counts the listeners of a stream that only a few clients may read at the same time.
package final class ListenerCount: Sendable {
    /// The place of one listener, which is free when nothing refers to it any more: also if its stream never began.
    package final class Place: Sendable {
        private let count: ListenerCount

        fileprivate init(_ count: ListenerCount) { self.count = count }

        deinit { count.leave() }
    }

    private let listeners = Mutex(0)

    package init() {}

    /// Returns a place; nil if there are as many listeners as may be.
    package func enter(atMost most: Int) -> Place? {
        let isFree = listeners.withLock { count in
            guard count < most else { return false }
            count += 1
            return true
        }
        return isFree ? Place(self) : nil
    }

    private func leave() { listeners.withLock { $0 -= 1 } }
}
