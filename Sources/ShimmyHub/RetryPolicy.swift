import AsyncHTTPClient

/// A fault that may be over when the hub is asked again.
package struct PassingFault: Error {
    /// What is told when it is not.
    let error: HubError
    /// Seconds for which the hub wants to be left alone; nil where it does not say.
    let wait: Int?

    package init(_ error: HubError, wait: Int? = nil) {
        self.error = error
        self.wait = wait
    }
}

/// A fault that another try would meet again.
protocol LastingFault: Error {}

extension HubError: LastingFault {}
extension CancellationError: LastingFault {}

/// How often the hub is asked for one thing, and what passes in between. The same for what is in a repository and for the bytes of it.
package struct RetryPolicy: Sendable {
    package var tries = 6
    /// Seconds before the second try; doubled for each later one.
    package var pause = 0.5
    package var longestPause = 30.0
    /// Seconds that a hub may ask for; nobody waits for longer.
    package var longestWait = 120

    package init() {}

    /// - name: of what is fetched, for people.
    /// - attempt: nil when a connection merely ended too early, which is a fault like others.
    /// Throws `HubError`.
    package func run<Value>(_ name: String, _ attempt: () async throws -> Value?) async throws -> Value {
        var pause = pause
        for left in (0..<tries).reversed() {
            var fault = PassingFault(.interrupted(name, reason: "the connection was cut"))
            do {
                if let value = try await attempt() { return value }
            } catch let passing as PassingFault {
                fault = passing
            } catch let error where error is any LastingFault {
                throw error
            } catch let error as HTTPClientError {
                fault = PassingFault(.interrupted(name, reason: error.shortDescription))
            } catch {
                // Whatever else a connection has to say comes to the same.
            }
            try Task.checkCancellation()
            let asked = fault.wait ?? 0
            guard left > 0, asked <= longestWait else { throw fault.error }
            try await Task.sleep(for: .seconds(max(Double(asked), pause)))
            pause = min(pause * 2, longestPause)
        }
        throw HubError.interrupted(name, reason: "it was not asked for")
    }
}
