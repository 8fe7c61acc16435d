/// Remembers what the last look at the disk found: requests must not wait for a scan each.
actor CatalogCache {
    private struct Look {
        /// Scans are counted as they begin.
        let number: Int
        let end: ContinuousClock.Instant
        let catalog: ModelCatalog
    }

    private let scan: @Sendable () -> ModelCatalog
    private var last: Look?
    private var begun = 0
    /// One at a time.
    private var running: Task<Void, Never>?
    /// How old an answer may be.
    private static let lifetime = Duration.seconds(10)

    init(scan: @escaping @Sendable () -> ModelCatalog) { self.scan = scan }

    func current() async -> ModelCatalog {
        if let last, last.end.duration(to: .now) < Self.lifetime { return last.catalog }
        return await catalog(ofScan: running == nil ? begun + 1 : begun)
    }

    /// The last answer, however old: whoever asks for a model by name need not wait for the disk.
    func latest() async -> ModelCatalog { await catalog(ofScan: 1) }

    /// A scan that begins now or later: one that runs may have passed the place that changed. Callers that come while one runs share the next.
    func refreshed() async -> ModelCatalog { await catalog(ofScan: begun + 1) }

    /// What that scan found, or one after it.
    private func catalog(ofScan number: Int) async -> ModelCatalog {
        while true {
            if let last, last.number >= number { return last.catalog }
            if running == nil { begin() }
            await running?.value
        }
    }

    private func begin() {
        begun += 1
        let (number, scan) = (begun, self.scan)
        running = Task {
            let found = await Task.detached { scan() }.value
            last = Look(number: number, end: .now, catalog: found)
            running = nil
        }
    }
}
