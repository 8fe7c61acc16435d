import ShimmyCore

/// A cache of the last disk scan's catalog, so that requests do not each wait for a scan.
///
/// Scans run on the threads of `pool`, one at a time. If a scan hangs, callers receive the last catalog after `patience`.
actor CatalogCache {
    private struct Look {
        /// The number of the scan. Scans are numbered when they begin.
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
    /// The scan that runs; nil if none runs. At most one scan runs at a time.
    private var running: Running?
    /// The max age of a catalog that `current` returns.
    private static let lifetime = Duration.seconds(10)

    /// - patience: how long callers wait for a scan.
    init(patience: Duration = .seconds(30), pool: WorkerPool = .files, scan: @escaping @Sendable () -> ModelCatalog) {
        (self.patience, self.pool, self.scan) = (patience, pool, scan)
    }

    /// Whether the scan that runs has taken longer than callers wait.
    var isStuck: Bool { running.map { $0.begun.duration(to: .now) >= patience } ?? false }

    func current() async -> ModelCatalog {
        if let last, last.end.duration(to: .now) < Self.lifetime { return last.catalog }
        return await catalog(ofScan: running == nil ? begun + 1 : begun)
    }

    /// Returns the last catalog, regardless of its age, so that a lookup by name does not wait for the disk.
    func latest() async -> ModelCatalog { await catalog(ofScan: 1) }

    /// Returns the catalog of a scan that begins after this call, because a running scan may already have passed the folder that changed. Calls
    /// during a running scan share the next one.
    func refreshed() async -> ModelCatalog { await catalog(ofScan: begun + 1) }

    /// Returns the catalog of scan `number` or a later one. If the disk does not answer, returns the last catalog, or an empty one if there is
    /// none.
    private func catalog(ofScan number: Int) async -> ModelCatalog {
        let deadline = ContinuousClock.now + patience
        while true {
            if let last, last.number >= number { return last.catalog }
            if running == nil { begin() }
            let remaining = isStuck ? .zero : ContinuousClock.now.duration(to: deadline)
            guard let running, remaining > .zero, await running.ended.wait(atMost: remaining) else {
                return last?.catalog ?? ModelCatalog(records: [])
            }
        }
    }

    private func begin() {
        begun += 1
        let (number, scan, pool, ended) = (begun, self.scan, self.pool, Signal())
        running = Running(begun: .now, ended: ended)
        Task {
            // `scan` throws nothing, and this task is never cancelled.
            if let found = try? await pool.run(.slow, { _ in scan() }) { last = Look(number: number, end: .now, catalog: found) }
            running = nil
            ended.fire()
        }
    }
}
