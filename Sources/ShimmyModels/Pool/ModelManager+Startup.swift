import Logging
import ShimmyCore
import Synchronization

/// Loads models at startup, and counts all loads.
extension ModelManager {
    /// Whether the models that are loaded at startup are not loaded yet. The program sets it.
    package var isPreloading: Bool {
        get { state.withLock { $0.isPreloading } }
        set { state.withLock { $0.isPreloading = newValue } }
    }
    /// How often each model was loaded and freed, by id.
    package var loadCounts: [String: LoadCounts] { state.withLock { $0.loadCounts } }

    /// Loads a model at startup. Logs a failure and does not throw it.
    package func preload(_ name: String) async {
        do {
            _ = try await acquire(name, onlyLoads: true)
        } catch {
            // The load was stopped, possibly before it began.
            if error is CancellationError { return }
            if let stopped = error as? ModelError, case .loadStopped = stopped {
                logger.info("model preload stopped", metadata: ["model": "\(name)", "reason": "\(stopped)"])
                return
            }
            logger.error("model preload failed", metadata: ["model": "\(name)", "error": "\(error)"])
        }
    }

    /// Loads every model whose settings request it, one after the other.
    package func preloadAll() async {
        for record in await modelsToPreload() where !Task.isCancelled { await preload(record.id) }
    }

    /// Returns the models whose settings request that they are loaded at startup.
    package func modelsToPreload() async -> [ModelRecord] { await list().filter { $0.isLoadable && settings($0).preloads } }

    // MARK: Counting

    /// Counts and logs a load.
    func countLoad(_ id: String, _ bytes: Int, seconds: Double) {
        state.withLock {
            $0.loadCounts[id, default: LoadCounts()].loads += 1
            $0.loadCounts[id, default: LoadCounts()].seconds += seconds
        }
        let rounded = (seconds * 1000).rounded() / 1000
        logger.info("model loaded", metadata: ["model": "\(id)", "bytes": .stringConvertible(bytes), "seconds": .stringConvertible(rounded)])
    }
}
