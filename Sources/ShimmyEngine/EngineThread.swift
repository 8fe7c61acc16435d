import Foundation

/// Runs `body` on a thread of our own and waits for it without blocking a task's thread:
/// for C calls that take long, such as loading a model.
package func onOwnThread<Value: Sendable>(named name: String, _ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        startThread(named: name) { continuation.resume(with: Result(catching: body)) }
    }
}

/// Starts an engine's thread. What it runs, and what that can do, is made there; a failure of that is thrown here.
/// - shared: told when the thread has ended and freed everything.
func startEngine<Limits: Sendable>(
    named name: String, _ shared: SharedStatistics, make: @escaping @Sendable () throws -> (limits: Limits, run: () -> Void)
) async throws -> Limits {
    try await withCheckedThrowingContinuation { started in
        startThread(named: name) {
            do {
                let (limits, run) = try make()
                started.resume(returning: limits)
                run()
            } catch {
                started.resume(throwing: error)
            }
            shared.threadEnded()
        }
    }
}

/// Starts a named thread with a stack that llama.cpp is comfortable with (macOS gives secondary threads only 512 KiB).
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.name = name
    thread.stackSize = 8 << 20
    thread.start()
}
