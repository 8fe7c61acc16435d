import AsyncHTTPClient

/// A fault that may not occur again when the request is retried.
package struct PassingFault: Error {
    /// The error to throw if retrying does not help.
    let error: HubError
    /// Seconds that the hub asks to wait; nil if it does not.
    let wait: Int?

    package init(_ error: HubError, wait: Int? = nil) {
        self.error = error
        self.wait = wait
    }
}

/// A fault that would occur again on a retry.
protocol LastingFault: Error {}

extension HubError: LastingFault {}
extension CancellationError: LastingFault {}

/// The number of attempts of a request to the hub, and the delays between them. File lists and file contents use the same policy.
package struct RetryPolicy: Sendable {
    package var tries = 6
    /// Seconds before the second attempt; the delay doubles for each later one.
    package var pause = 0.5
    package var longestPause = 30.0
    /// The max seconds to wait at the hub's request. If the hub asks for more, the request fails.
    package var longestWait = 120

    package init() {}

    /// Calls `attempt` until it succeeds or the attempts are used up. Throws `HubError`.
    /// - name: the name of the requested file or repository, for error messages.
    /// - attempt: returns nil if the connection ended early, which is retried like other faults.
    package func run<Value>(_ name: String, _ attempt: () async throws -> Value?) async throws -> Value {
        var pause = pause
        for left in (0..<tries).reversed() {
            var fault = PassingFault(.interrupted(name, reason: "the connection was lost"))
            do {
                if let value = try await attempt() { return value }
            } catch let passing as PassingFault {
                fault = passing
            } catch let error where error is any LastingFault {
                throw error
            } catch let error as HTTPClientError {
                fault = PassingFault(.interrupted(name, reason: error.shortDescription))
            } catch {
                // Any other connection error is retried in the same way.
            }
            try Task.checkCancellation()
            let asked = fault.wait ?? 0
            guard left > 0, asked <= longestWait else { throw fault.error }
            try await Task.sleep(for: .seconds(max(Double(asked), pause)))
            pause = min(pause * 2, longestPause)
        }
        throw HubError.interrupted(name, reason: "it was not requested")
    }
}
