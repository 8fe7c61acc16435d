import Foundation

/// Carries commands from any thread to the one that owns the engine.
/// The only place with a condition variable: `Synchronization.Mutex` has none.
///
/// `@unchecked Sendable`: everything is only touched while `condition` is locked.
final class Mailbox<Item: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var items: [Item] = []
    private var closed = false

    /// False when nobody will ever read it.
    @discardableResult
    func send(_ item: Item) -> Bool {
        condition.withLock {
            guard !closed else { return false }
            items.append(item)
            condition.signal()
            return true
        }
    }

    /// Everything that has arrived; blocks for the first item when `wait` is set.
    func takeAll(wait: Bool) -> [Item] {
        condition.withLock {
            while wait && items.isEmpty { condition.wait() }
            defer { items = [] }
            return items
        }
    }

    /// Takes nothing more; returns what nobody has read.
    func close() -> [Item] {
        condition.withLock {
            closed = true
            defer { items = [] }
            return items
        }
    }
}
