import Logging
import Synchronization

/// Logs, once in a minute, that clients send requests without encryption to a port with encryption. Such a connection closes without an answer.
final class PlainRequestLog: Sendable {
    private static let interval = Duration.seconds(60)

    private let nextReport = Mutex<ContinuousClock.Instant?>(nil)

    func note(_ logger: Logger) {
        let now = ContinuousClock.now
        let isDue = nextReport.withLock { next in
            if let next, now < next { return false }
            next = now + Self.interval
            return true
        }
        if isDue { logger.info("request without encryption refused; this port speaks https") }
    }
}
