import Foundation

/// Carries commands from any thread to the one that owns the engine.
/// The only place with a condition variable: `Synchronization.Mutex` has none.
///
/// `@unchecked Sendable`: `items` is only touched while `condition` is locked.
final class Mailbox<Item: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var items: [Item] = []

    func send(_ item: Item) {
        condition.withLock {
            items.append(item)
            condition.signal()
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
}
