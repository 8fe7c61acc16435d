import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import ShimmyChat
import Synchronization

/// A request to an upstream and its response, which one task reads piece by piece.
///
/// A task of its own waits for the network, so that the reader can be woken by others, and so that time limits apply. It reads from the connection
/// only when the reader wants more; at most one piece waits for the reader.
final class Exchange: Sendable {
    /// The next part of a response.
    enum Piece: Sendable {
        case head(status: Int, HTTPHeaders)
        case bytes([UInt8])
        case end
    }

    /// The limits of the time that a response takes, in seconds.
    struct Times: Sendable {
        /// The max time until the first byte of the body.
        var first: Double
        /// The max time without any byte after the first.
        var idle: Double
        /// The max time of the whole response; nil for no limit.
        var total: Double?
    }

    private struct State {
        /// The piece that waits for the reader; nil for none.
        var piece: Result<Piece, any Error>?
        /// Whether the reader waits for a piece.
        var isWanted = true
        /// The task that waits until the reader wants a piece.
        var pump: CheckedContinuation<Void, Never>?
        var readSince = ContinuousClock.now
        var hasBytes = false
        /// Whether the remaining bytes are read and dropped, and how many may come.
        var remaining: Int?
        var isOver = false
        var tasks: [Task<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let bell: Doorbell
    private let upstream: String
    private let times: Times
    private let began = ContinuousClock.now

    init(_ request: HTTPClientRequest, _ client: HTTPClient, upstream: String, _ times: Times, _ bell: Doorbell) {
        self.bell = bell
        self.upstream = upstream
        self.times = times
        let pump = Task { await self.run(request, client) }
        let watch = Task { await self.watch() }
        let isOver = state.withLock { state in
            state.tasks = [pump, watch]
            return state.isOver
        }
        if isOver { for task in [pump, watch] { task.cancel() } }
    }

    // MARK: The reader's side

    /// Returns the next piece if there is one; otherwise asks for it and returns nil. The doorbell rings when there is one. Throws `UpstreamFailure`,
    /// or `CancellationError` once cancelled.
    func take() throws -> Piece? {
        let (piece, pump) = state.withLock { state -> (Result<Piece, any Error>?, CheckedContinuation<Void, Never>?) in
            if let piece = state.piece {
                // A failure stays.
                if case .success = piece { state.piece = nil }
                return (piece, nil)
            }
            if !state.isWanted {
                state.isWanted = true
                if state.hasBytes { state.readSince = .now }
            }
            defer { state.pump = nil }
            return (nil, state.pump)
        }
        pump?.resume()
        return try piece?.get()
    }

    /// Closes the request at the upstream, unless all that matters is read. Any thread may call it.
    func cancel() {
        if state.withLock({ $0.remaining == nil }) { end(with: CancellationError()) }
    }

    /// Ends the reading after the last event of a stream. The response has a little time to end by itself, so that the connection stays open.
    func finish() {
        let limit = Task {
            try? await Task.sleep(for: .seconds(UpstreamLimits.lastSeconds))
            self.end(with: CancellationError())
        }
        let (isOver, pump) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            if state.isOver { return (true, nil) }
            state.tasks.append(limit)
            state.remaining = UpstreamLimits.lastBytes
            state.isWanted = true
            defer { state.pump = nil }
            return (false, state.pump)
        }
        if isOver { limit.cancel() }
        pump?.resume()
    }

    // MARK: The connection's side

    private func run(_ request: HTTPClientRequest, _ client: HTTPClient) async {
        var hasHead = false
        do {
            let response = try await client.execute(request, deadline: .distantFuture)
            hasHead = true
            if let coding = response.headers.first(name: "content-encoding"), coding.lowercased() != "identity" {
                throw UpstreamFailure(upstream, .unreadable, "its answer is compressed, although the request asks for an answer that is not")
            }
            put(.head(status: Int(response.status.code), response.headers))
            guard await isWanted() else { return }
            for try await buffer in response.body {
                put(.bytes(Array(buffer.readableBytesView)))
                guard await isWanted() else { return }
            }
            end(with: nil)
        } catch {
            end(with: UpstreamFailure(upstream, error, hasHead: hasHead))
        }
    }

    /// Waits until the reader wants a piece. Returns false if no more is to be read.
    private func isWanted() async -> Bool {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.isWanted || state.isOver { return true }
                state.pump = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
        return state.withLock { !$0.isOver }
    }

    private func put(_ piece: Piece) {
        let isTooLong = state.withLock { state -> Bool in
            guard !state.isOver else { return false }
            if case .bytes(let bytes) = piece {
                state.hasBytes = true
                if let remaining = state.remaining {
                    state.remaining = remaining - bytes.count
                    return bytes.count > remaining
                }
            }
            state.isWanted = state.remaining != nil
            if state.remaining == nil { state.piece = .success(piece) }
            return false
        }
        if isTooLong { return end(with: CancellationError()) }
        bell.ring()
    }

    /// Ends the exchange.
    /// - error: the reason; nil if the response is complete.
    private func end(with error: (any Error)?) {
        let last: Result<Piece, any Error> = if let error { .failure(error) } else { .success(.end) }
        let (tasks, pump) = state.withLock { state -> ([Task<Void, Never>], CheckedContinuation<Void, Never>?) in
            guard !state.isOver else { return ([], nil) }
            state.isOver = true
            state.piece = last
            defer { (state.tasks, state.pump) = ([], nil) }
            return (state.tasks, state.pump)
        }
        for task in tasks { task.cancel() }
        pump?.resume()
        bell.ring()
    }

    // MARK: Time limits

    private func watch() async {
        while let deadline {
            if deadline <= .now {
                return end(with: UpstreamFailure(upstream, .timedOut, timeoutMessage))
            }
            // The limit becomes that between two pieces once the first has arrived.
            try? await Task.sleep(until: min(deadline, .now + Self.duration(times.idle)), clock: .continuous)
        }
    }

    /// The time at which the response is too late; nil after the end. While the reader wants nothing, only the total time counts.
    private var deadline: ContinuousClock.Instant? {
        state.withLock { state -> ContinuousClock.Instant? in
            if state.isOver { return nil }
            let limit = Self.duration(state.hasBytes ? times.idle : times.first)
            let next = (state.isWanted ? state.readSince : .now) + limit
            return times.total.map { min(next, began + Self.duration($0)) } ?? next
        }
    }

    private static func duration(_ seconds: Double) -> Duration { .seconds(max(0.01, min(seconds.isNaN ? 600 : seconds, 1e8))) }

    private var timeoutMessage: String {
        let hasBytes = state.withLock { $0.hasBytes }
        return hasBytes ? "it sent nothing more within the time limit" : "it did not answer within the time limit"
    }
}
