import Foundation

/// A mailbox of commands from any thread to the thread that owns the engine. It uses a condition variable, which `Synchronization.Mutex` does not
/// have.
///
/// `@unchecked Sendable`: all properties are only accessed while `condition` is locked.
final class Mailbox<Item: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var items: [Item] = []
    private var closed = false

    /// Adds an item. Returns false when the mailbox is closed, so that no thread will read the item.
    @discardableResult
    func send(_ item: Item) -> Bool {
        condition.withLock {
            guard !closed else { return false }
            items.append(item)
            condition.signal()
            return true
        }
    }

    /// The time to wait for the first item.
    enum Patience {
        case none
        case seconds(Double)
        case endless
    }

    /// Takes all items that have arrived. Waits up to `patience` for the first one.
    func takeAll(_ patience: Patience) -> [Item] {
        condition.withLock {
            switch patience {
            case .none: break
            case .endless: while items.isEmpty { condition.wait() }
            case .seconds(let seconds):
                // Foundation on Linux traps for a date in the far future. `.endless` therefore waits without a date.
                let deadline = Date(timeIntervalSinceNow: seconds)
                while items.isEmpty, condition.wait(until: deadline) {}
            }
            defer { items = [] }
            return items
        }
    }

    /// Closes the mailbox and returns the unread items.
    func close() -> [Item] {
        condition.withLock {
            closed = true
            defer { items = [] }
            return items
        }
    }
}
