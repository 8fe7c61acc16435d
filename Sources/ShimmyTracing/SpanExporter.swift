import AsyncHTTPClient
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ShimmyHTTP
import Synchronization

/// Sends the spans of a queue to a collector, in the background.
package final class SpanExporter: Sendable {
    /// The result of sending one batch.
    private enum Attempt: Sendable {
        case accepted
        /// The collector refused the batch, and would refuse it again.
        case refused(String)
        /// The collector did not answer, or asked to try again.
        case failed(String, retryAfter: Duration? = nil)
    }

    private let queue: SpanQueue
    private let settings: TraceSettings
    private let resource: [TraceAttribute]
    private let version: String
    private let logger: Logger
    private let http: HTTPClient
    private let work = Mutex<Task<Void, Never>?>(nil)
    /// Whether the last attempt failed, so that the log has one line about a collector that is away.
    private let isFailing = Atomic<Bool>(false)

    /// The number of attempts to send a batch, after which it is dropped.
    private static let mostAttempts = 5
    private static let longestPause: Duration = .seconds(30)

    /// - version: the version of this program.
    package init(_ queue: SpanQueue, _ settings: TraceSettings, version: String, logger: Logger) {
        self.queue = queue
        self.settings = settings
        self.version = version
        self.logger = logger
        resource = settings.resource(version: version)
        var configuration = HTTPClient.Configuration.guarded()
        configuration.redirectConfiguration = .disallow
        configuration.timeout = .init(connect: .seconds(5), read: .seconds(30))
        // An export is not part of a trace.
        configuration.tracing.tracer = nil
        http = HTTPClient(configuration: configuration)
    }

    /// Starts to export spans. Call `stop` before the exporter is released.
    package func start() {
        work.withLock { work in
            guard work == nil else { return }
            work = Task { await self.run() }
        }
    }

    /// Stops, and sends the remaining spans once.
    /// - limit: the max time to wait for the collector.
    package func stop(within limit: Duration) async {
        let task = work.withLock { $0 }
        task?.cancel()
        await task?.value
        let deadline = ContinuousClock.now + limit
        while true {
            let batch = queue.first(settings.batchSize)
            let remaining = deadline - .now
            guard !batch.isEmpty, remaining > .zero, case .accepted = await send(batch, within: min(remaining, settings.timeout)) else { break }
            queue.remove(batch.count, as: .exported)
        }
        queue.removeAll(as: .failed)
        try? await http.shutdown()
    }

    // MARK: Working

    private func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [queue, delay = settings.delay] in
                while !Task.isCancelled {
                    try? await Task.sleep(for: delay)
                    queue.wake()
                }
            }
            // The sequence ends when the task is cancelled.
            for await _ in queue.signals { await drain() }
            group.cancelAll()
        }
    }

    /// Sends all spans of the queue, and waits between attempts.
    private func drain() async {
        var (attempts, failures) = (0, 0)
        while !Task.isCancelled {
            let batch = queue.first(settings.batchSize)
            if batch.isEmpty { return }
            switch await send(batch, within: settings.timeout) {
            case .accepted:
                (attempts, failures) = (0, 0)
                queue.remove(batch.count, as: .exported)
                report(nil)
            case .refused(let reason):
                attempts = 0
                queue.remove(batch.count, as: .failed)
                report(reason)
            case .failed(let reason, let retryAfter):
                if Task.isCancelled { return }
                report(reason)
                (attempts, failures) = (attempts + 1, failures + 1)
                if attempts == Self.mostAttempts {
                    attempts = 0
                    queue.remove(batch.count, as: .failed)
                }
                try? await Task.sleep(for: Self.pause(afterFailures: failures, retryAfter))
            }
        }
    }

    /// Returns the time to wait before the next attempt: 1 s, 2 s, 4 s and so on, with a random part, so that servers do not call a collector that
    /// comes back at the same moment.
    private static func pause(afterFailures failures: Int, _ retryAfter: Duration?) -> Duration {
        if let retryAfter { return min(max(retryAfter, .seconds(1)), longestPause) }
        let pause = min(Duration.seconds(1 << min(failures - 1, 10)), longestPause)
        return pause * Double.random(in: 0.5...1)
    }

    /// Logs that exports begin to fail, or that they work again.
    /// - reason: the reason for the failure; nil for none.
    private func report(_ reason: String?) {
        let wasFailing = isFailing.exchange(reason != nil, ordering: .relaxed)
        if let reason, !wasFailing {
            logger.warning("traces cannot be exported", metadata: ["endpoint": "\(settings.endpoint)", "reason": "\(reason)"])
        } else if reason == nil, wasFailing {
            logger.notice("traces are exported again", metadata: ["endpoint": "\(settings.endpoint)"])
        }
    }

    // MARK: Sending

    /// Sends one batch. The time includes the body of the answer, for which the HTTP client itself has no limit.
    private func send(_ batch: [FinishedSpan], within limit: Duration) async -> Attempt {
        let bytes = ExportRequest.bytes(batch, resource: resource, version: version)
        return await withTaskGroup(of: Attempt.self) { group in
            group.addTask { await self.post(bytes) }
            group.addTask {
                try? await Task.sleep(for: limit)
                return .failed("the collector did not answer within \(limit)")
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failed("the collector did not answer")
        }
    }

    private func post(_ bytes: [UInt8]) async -> Attempt {
        var request = HTTPClientRequest(url: settings.endpoint)
        request.method = .POST
        for header in settings.headers { request.headers.add(name: header.name, value: header.value) }
        request.headers.replaceOrAdd(name: "content-type", value: "application/x-protobuf")
        request.headers.replaceOrAdd(name: "user-agent", value: "shimmy/\(version)")
        request.body = .bytes(ByteBuffer(bytes: bytes))
        do {
            let response = try await http.execute(request, deadline: .distantFuture)
            // Only a connection whose response was read can be used again.
            _ = try? await response.body.collect(upTo: Self.longestAnswer)
            return Self.attempt(response.status, retryAfter: response.headers.first(name: "retry-after"))
        } catch {
            return .failed(Self.reason(error))
        }
    }

    private static let longestAnswer = 64 << 10

    /// Returns the meaning of a status in OpenTelemetry's protocol, which names the statuses after which a client tries again.
    private static func attempt(_ status: HTTPResponseStatus, retryAfter: String?) -> Attempt {
        switch status.code {
        case 200..<300: .accepted
        case 429, 502, 503, 504: .failed("status \(status.code)", retryAfter: retryAfter.flatMap { Int($0) }.map { Duration.seconds($0) })
        default: .refused("status \(status.code)")
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: error.shortDescription
        case is NIOConnectionError: "the collector cannot be reached"
        case let error as IOError: "the connection failed (error \(error.errnoCode))"
        default: "\(type(of: error))"
        }
    }
}
