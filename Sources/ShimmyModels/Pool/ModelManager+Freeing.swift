import Logging
import ShimmyCore
import Synchronization

extension ModelManager {
    /// How long `shutdown` waits for cancelled loads, because a load may hang on a disk.
    private static let loadPatience = Duration.seconds(10)

    /// Frees an idle model, or stops its load. Returns whether there was anything to free or stop. Throws `ModelError`.
    package func unload(_ name: String) async throws(ModelError) -> Bool {
        let record = try await find(name).loaded
        let (isRemoved, load) = try remove(record.id)
        await load?.task.value
        await state.withLock { $0.freeing[record.id] }?.value
        return isRemoved
    }

    /// Begins to free a model. When it returns, no local variable refers to the model any more; otherwise the caller would wait for the memory in
    /// vain.
    private func remove(_ id: String) throws(ModelError) -> (isRemoved: Bool, load: Load?) {
        var removal = Pool.Removal.notLoaded
        var load: Load?
        act { state, now in
            removal = state.pool.remove(id, now: now)
            if case .inUse = removal { return [] }
            state.pins[id] = nil
            guard case .removed(let actions) = removal else { return [] }
            load = state.loads[id]
            load?.progress.cancel()
            return actions
        }
        return switch removal {
        case .inUse: throw .inUse(id)
        case .notLoaded: (false, load)
        case .removed: (true, load)
        }
    }

    /// Frees every model, stops all loads, and returns when both are done. Later requests are refused.
    package func shutdown() async {
        act { state, _ in
            for load in state.loads.values { load.progress.cancel() }
            return state.pool.stop()
        }
        await endOfLoads()
        for task in state.withLock({ Array($0.freeing.values) }) { await task.value }
    }

    /// Waits for the loads to end, because a computation that still runs when the process exits can crash it.
    private func endOfLoads() async {
        let tasks = state.withLock { $0.loads.values.map(\.task) }
        if tasks.isEmpty { return }
        let ended = Signal()
        Task {
            for task in tasks { await task.value }
            ended.fire()
        }
        if await !ended.wait(atMost: Self.loadPatience) { logger.warning("model load did not stop in time") }
    }
}
