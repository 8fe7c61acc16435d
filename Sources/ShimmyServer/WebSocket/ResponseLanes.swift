package import ShimmyAPI

/// Decides when the requests of one WebSocket run: in order within a lane (`stream_id`), and side by side in different lanes.
package struct ResponseLanes<Job: Sendable>: Sendable {
    package enum Admission: Sendable, Equatable {
        /// The request begins now.
        case begins
        /// The request begins after others; `finished` returns it then.
        case waits
        /// The request is refused.
        case refused(APIError)
    }

    private let mostRunning: Int
    private let mostWaiting: Int
    private let mostWaitingBytes: Int
    private var running: Set<String?> = []
    /// The waiting requests, in the order of their arrival. If fewer than `mostRunning` run, each of them waits for a running one of its lane.
    private var waiting: [(lane: String?, job: Job, bytes: Int)] = []
    private var waitingBytes = 0
    private var isDraining = false

    /// - mostWaitingBytes: the max bytes of all waiting requests. A request may wait alone, whatever its size.
    package init(mostRunning: Int, mostWaiting: Int, mostWaitingBytes: Int) {
        self.mostRunning = mostRunning
        self.mostWaiting = mostWaiting
        self.mostWaitingBytes = mostWaitingBytes
    }

    package var isBusy: Bool { !running.isEmpty }
    /// Whether the connection must close: nothing runs, and nothing more may begin.
    package var isDrained: Bool { isDraining && running.isEmpty }

    /// - bytes: the size of the request while it waits.
    /// - reserve: reserves memory for a request that has to wait; returns false if there is not enough.
    package mutating func add(_ job: Job, bytes: Int, to lane: String?, reserve: () -> Bool) -> Admission {
        if isDraining { return .refused(.stopped) }
        if running.count < mostRunning, !running.contains(lane) {
            running.insert(lane)
            return .begins
        }
        guard waiting.count < mostWaiting else { return .refused(.tooManyOnSocket("\(mostWaiting) requests")) }
        guard waiting.isEmpty || bytes <= mostWaitingBytes - waitingBytes else {
            return .refused(.tooManyOnSocket("\(waitingBytes) of \(mostWaitingBytes) bytes"))
        }
        guard reserve() else { return .refused(.busy("the waiting requests of all WebSockets have reached the limit of their memory")) }
        waiting.append((lane, job, bytes))
        waitingBytes += bytes
        return .waits
    }

    /// Ends the running request of a lane. Returns the request to begin in its place; nil for none.
    package mutating func finished(_ lane: String?) -> (lane: String?, job: Job)? {
        running.remove(lane)
        guard let index = waiting.firstIndex(where: { !running.contains($0.lane) }) else { return nil }
        let next = waiting.remove(at: index)
        waitingBytes -= next.bytes
        running.insert(next.lane)
        return (next.lane, next.job)
    }

    /// Lets running requests end and allows no more to begin. Returns the lanes of the waiting requests, which do not begin either.
    package mutating func drain() -> [String?] {
        isDraining = true
        defer { (waiting, waitingBytes) = ([], 0) }
        return waiting.map(\.lane)
    }
}

extension APIError {
    /// - what: the number of requests or bytes that wait.
    fileprivate static func tooManyOnSocket(_ what: String) -> APIError {
        APIError(
            status: 429, message: "\(what) of this WebSocket wait already. Wait for a response to end, or open another connection.",
            type: "rate_limit_error", code: "rate_limit_exceeded", retryAfter: 1)
    }
}
