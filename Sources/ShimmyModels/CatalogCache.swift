import ShimmyCore

/// Remembers what the last look at the disk found: requests must not wait for a scan each.
///
/// Scans run on threads of their own, one at a time. Where one hangs, callers get the last catalog after a while.
actor CatalogCache {
    private struct Look {
        /// Scans are counted as they begin.
        let number: Int
        let end: ContinuousClock.Instant
        let catalog: ModelCatalog
    }

    private struct Running {
        let begun: ContinuousClock.Instant
        let ended: Signal
    }

    private let scan: @Sendable () -> ModelCatalog
    private let pool: WorkerPool
    private let patience: Duration
    private var last: Look?
    private var begun = 0
    /// One at a time.
    private var running: Running?
    /// How old an answer may be.
    private static let lifetime = Duration.seconds(10)

    /// - patience: how long callers wait for a scan.
    init(patience: Duration = .seconds(30), pool: WorkerPool = .files, scan: @escaping @Sendable () -> ModelCatalog) {
        (self.patience, self.pool, self.scan) = (patience, pool, scan)
    }

    /// Whether a scan has run for longer than anybody waits.
    var isStuck: Bool { running.map { $0.begun.duration(to: .now) >= patience } ?? false }

    func current() async -> ModelCatalog {
        if let last, last.end.duration(to: .now) < Self.lifetime { return last.catalog }
        return await catalog(ofScan: running == nil ? begun + 1 : begun)
    }

    /// The last answer, however old: whoever asks for a model by name need not wait for the disk.
    func latest() async -> ModelCatalog { await catalog(ofScan: 1) }

    /// A scan that begins now or later: one that runs may have passed the place that changed. Callers that come while one runs share the next.
    func refreshed() async -> ModelCatalog { await catalog(ofScan: begun + 1) }

    /// What that scan found, or one after it; what the last one found where the disk does not answer.
    private func catalog(ofScan number: Int) async -> ModelCatalog {
        let deadline = ContinuousClock.now + patience
        while true {
            if let last, last.number >= number { return last.catalog }
            if running == nil { begin() }
            let left = isStuck ? .zero : ContinuousClock.now.duration(to: deadline)
            guard let running, left > .zero, await running.ended.wait(atMost: left) else { return last?.catalog ?? ModelCatalog(records: []) }
        }
    }

    private func begin() {
        begun += 1
        let (number, scan, pool, ended) = (begun, self.scan, self.pool, Signal())
        running = Running(begun: .now, ended: ended)
        Task {
            // A scan throws nothing, and its task is not cancelled.
            if let found = try? await pool.run(.slow, { _ in scan() }) { last = Look(number: number, end: .now, catalog: found) }
            running = nil
            ended.fire()
        }
    }
}
