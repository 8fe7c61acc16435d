import Foundation

/// Carries commands from any thread to the one that owns the engine.
/// With a condition variable, which `Synchronization.Mutex` has none of.
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

    /// How long to wait for the first item.
    enum Patience {
        case none
        case seconds(Double)
        case endless
    }

    /// Everything that has arrived.
    func takeAll(_ patience: Patience) -> [Item] {
        condition.withLock {
            switch patience {
            case .none: break
            case .endless: while items.isEmpty { condition.wait() }
            case .seconds(let seconds):
                // Foundation on Linux traps for a date that is very far away.
                let deadline = Date(timeIntervalSinceNow: seconds)
                while items.isEmpty, condition.wait(until: deadline) {}
            }
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
