import Synchronization

/// Transfers a value that only one task may use, from the task that made it to the task that writes the response.
///
/// `@unchecked Sendable`: the value is taken once, under the lock, and the giver keeps no reference.
package final class OneConsumer<Value>: @unchecked Sendable {
    private struct Taken: Error {}

    private let lock = Mutex(())
    private var value: Value?

    package init(_ value: sending Value) { self.value = value }

    package func take() throws -> Value {
        let taken = lock.withLock { _ in
            let taken = UncheckedBox(value)
            value = nil
            return taken
        }
        guard let value = taken.value else { throw Taken() }
        return value
    }

    private struct UncheckedBox: @unchecked Sendable {
        let value: Value?
        init(_ value: Value?) { self.value = value }
    }
}
