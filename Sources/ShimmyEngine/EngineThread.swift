import Foundation

/// Runs `body` on a thread of its own and waits for it without blocking a task's thread. Use it for C calls that take long, such as loading a
/// model.
package func onOwnThread<Value: Sendable>(named name: String, _ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        startThread(named: name) { continuation.resume(with: Result(catching: body)) }
    }
}

/// Starts an engine's thread. `make` runs on that thread and returns the engine's limits and its loop; this function throws an error of `make`.
/// - shared: notified when the thread has ended and freed everything.
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

/// Starts a named thread with a stack that is large enough for llama.cpp (macOS gives secondary threads only 512 KiB).
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.name = name
    thread.stackSize = 8 << 20
    thread.start()
}
