import ShimmyHub

/// A pull that runs while its client reads the progress.
struct PullRun: Sendable {
    let news: NewestNews<PullProgress>
    private let work: Task<Void, any Error>
    private let pulse: Heartbeat

    /// Starts the pull.
    /// - heartbeat: the interval of pings among the news.
    init(_ plan: PlannedPull, from hub: HubAccess, heartbeat: Duration) {
        let news = NewestNews<PullProgress>()
        work = Task {
            defer { news.finish() }
            try await hub.withPuller { try await $0.run(plan) { news.tell($0) } }
        }
        pulse = Heartbeat(every: heartbeat) { news.nudge() }
        self.news = news
    }

    /// Stops the pull if it still runs.
    func cancel() {
        pulse.stop()
        work.cancel()
    }

    /// Waits for the pull and throws its error. Call it when the news have ended.
    func finish() async throws {
        // A cancelled task stops reading the news before the work is done.
        try Task.checkCancellation()
        try await work.value
    }
}
