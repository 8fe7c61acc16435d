import Logging
import Synchronization

/// Compares loaded models with the current files and settings, which can change while the server runs.
extension ModelManager {
    /// Scans the disk after a change. A loaded model whose files changed or are gone serves no new requests: it is freed when its last user is
    /// done, and reloaded for the requests that wait. The same applies to a model that would be loaded with other adapters.
    package func rescan() async {
        _ = await catalog.refreshed()
        for (id, change) in await changes() where change == .files { retire(id, change) }
    }

    /// Applies changed settings of models. Settings that do not concern the load take effect at once; models whose load depends on a changed
    /// setting are reloaded.
    package func applySettings() async {
        let newest = await newestRecords()
        let records = state.withLock { state in
            state.pool.entries.keys.compactMap { id in (newest[id] ?? state.records[id]).map { (id, $0) } }
        }
        for (id, record) in records { hold(id, settings(record)) }
        for (id, change) in await changes() { retire(id, change) }
    }

    /// Applies the changes that happened while a model was loading.
    /// - record, settings: the record and the settings of the load.
    func catchUp(_ record: ModelRecord, _ settings: ModelSettings) async {
        guard var before = state.withLock({ $0.terms[record.id] }) else { return }
        if !before.isComplete {
            guard let now = try? await currentTerms(record, settings) else { return }
            before.complete(by: now)
            let complete = before
            state.withLock { $0.terms[record.id] = complete }
        }
        // A model that is no longer in the catalog serves only the requests that waited for it.
        guard let newest = await newestRecords()[record.id] else { return }
        let now = self.settings(newest)
        hold(record.id, now)
        let isWanted = state.withLock { $0.pool.isWanted(record.id) }
        // A disk that does not answer is not evidence of a change.
        guard isWanted, let terms = try? await currentTerms(newest, now) else { return }
        if let change = terms.change(since: before) { retire(record.id, change) }
    }

    /// Returns the records of the last disk scan by name.
    func newestRecords() async -> [String: ModelRecord] {
        Dictionary(await catalog.latest().records.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func hold(_ id: String, _ settings: ModelSettings) {
        act { state, now in
            state.pool.hold(id, keepAlive: settings.keepAlive ?? keepAlive, isPinned: settings.isPinned, now: now)
        }
    }

    /// Marks a model as outdated: it serves no new requests and is freed when its last user is done.
    func retire(_ id: String, _ change: LoadTerms.Change) {
        switch change {
        case .files: logger.notice("model files changed; freeing the model when it is idle", metadata: ["model": "\(id)"])
        case .settings:
            logger.notice("model settings changed; reloading the model when it is idle", metadata: ["model": "\(id)"])
        }
        act { state, now in state.pool.retire(id, now: now) }
    }

    /// Returns the loaded or loading models that would now be loaded differently or not at all.
    private func changes() async -> [String: LoadTerms.Change] {
        let newest = await newestRecords()
        // A model that is already known to be outdated is not reported again.
        let known = state.withLock { state in state.terms.filter { state.pool.isWanted($0.key) } }
        var changes: [String: LoadTerms.Change] = [:]
        for (id, before) in known {
            guard let record = newest[id] else {
                changes[id] = .files
                continue
            }
            changes[id] = (try? await currentTerms(record, settings(record)))?.change(since: before)
        }
        return changes
    }
}
