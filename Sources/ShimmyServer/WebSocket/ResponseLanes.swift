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
    private var running: Set<String?> = []
    /// The waiting requests, in the order of their arrival. If fewer than `mostRunning` run, each of them waits for a running one of its lane.
    private var waiting: [(lane: String?, job: Job)] = []
    private var isDraining = false

    package init(mostRunning: Int, mostWaiting: Int) {
        self.mostRunning = mostRunning
        self.mostWaiting = mostWaiting
    }

    package var isBusy: Bool { !running.isEmpty }
    /// Whether the connection must close: nothing runs, and nothing more may begin.
    package var isDrained: Bool { isDraining && running.isEmpty }

    package mutating func add(_ job: Job, to lane: String?) -> Admission {
        if isDraining { return .refused(.stopped) }
        if running.count < mostRunning, !running.contains(lane) {
            running.insert(lane)
            return .begins
        }
        guard waiting.count < mostWaiting else { return .refused(.tooManyOnSocket(mostWaiting)) }
        waiting.append((lane, job))
        return .waits
    }

    /// Ends the running request of a lane. Returns the request to begin in its place; nil for none.
    package mutating func finished(_ lane: String?) -> (lane: String?, job: Job)? {
        running.remove(lane)
        guard let index = waiting.firstIndex(where: { !running.contains($0.lane) }) else { return nil }
        let next = waiting.remove(at: index)
        running.insert(next.lane)
        return next
    }

    /// Lets running requests end and allows no more to begin. Returns the lanes of the waiting requests, which do not begin either.
    package mutating func drain() -> [String?] {
        isDraining = true
        defer { waiting = [] }
        return waiting.map(\.lane)
    }
}

extension APIError {
    fileprivate static func tooManyOnSocket(_ most: Int) -> APIError {
        APIError(
            status: 429, message: "\(most) requests of this WebSocket wait already. Wait for a response to end, or open another connection.",
            type: "rate_limit_error", code: "rate_limit_exceeded", retryAfter: 1)
    }
}
