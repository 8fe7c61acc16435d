/// Remembers what the last look at the disk found: requests must not wait for a scan each.
actor CatalogCache {
    private let scan: @Sendable () -> ModelCatalog
    private var catalog: ModelCatalog?
    private var scannedAt = ContinuousClock.now
    private var running: Task<ModelCatalog, Never>?
    /// How old an answer may be.
    private static let lifetime = Duration.seconds(10)

    init(scan: @escaping @Sendable () -> ModelCatalog) { self.scan = scan }

    func current() async -> ModelCatalog {
        if let catalog, scannedAt.duration(to: .now) < Self.lifetime { return catalog }
        return await refreshed()
    }

    /// The last answer, however old: whoever asks for a model by name need not wait for the disk.
    func latest() async -> ModelCatalog {
        if let catalog { return catalog }
        return await refreshed()
    }

    /// A scan of now; callers that come while one runs share it.
    func refreshed() async -> ModelCatalog {
        if let running { return await running.value }
        let task = Task.detached { [scan] in scan() }
        running = task
        let found = await task.value
        running = nil
        catalog = found
        scannedAt = .now
        return found
    }
}
