import Foundation

/// Runs `body` on a thread of our own and waits for it without blocking a task's thread:
/// for C calls that take long, such as loading a model.
package func onOwnThread<Value: Sendable>(named name: String, _ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        startThread(named: name) { continuation.resume(with: Result(catching: body)) }
    }
}

/// Starts a named thread with a stack that llama.cpp is comfortable with (macOS gives secondary threads only 512 KiB).
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.name = name
    thread.stackSize = 8 << 20
    thread.start()
}
