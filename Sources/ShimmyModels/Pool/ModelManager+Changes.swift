import Logging
import Synchronization

/// What was loaded is held against what would be loaded now: files and settings change while the server runs.
extension ModelManager {
    /// Looks at the disk again: something is known to have changed. What was loaded from files that are others now, or gone, is not for
    /// requests to come: it goes when the last one that uses it is done, and is loaded anew for those who wait. The same holds for what would
    /// have other adapters.
    package func rescan() async {
        _ = await catalog.refreshed()
        for (id, change) in await changes() where change == .files { retire(id, change) }
    }

    /// Models' settings may have changed: what can be otherwise without loading them anew is from now on, and the others are loaded anew.
    package func applySettings() async {
        let newest = await newestRecords()
        let records = state.withLock { state in
            state.pool.entries.keys.compactMap { id in (newest[id] ?? state.records[id]).map { (id, $0) } }
        }
        for (id, record) in records { hold(id, settings(record)) }
        for (id, change) in await changes() { retire(id, change) }
    }

    /// Takes what changed while a model was loaded.
    /// - record, settings: what it was loaded with.
    func catchUp(_ record: ModelRecord, _ settings: ModelSettings) async {
        guard var before = state.withLock({ $0.terms[record.id] }) else { return }
        if !before.isComplete {
            guard let now = try? await currentTerms(record, settings) else { return }
            before.complete(by: now)
            let complete = before
            state.withLock { $0.terms[record.id] = complete }
        }
        // One that is in no list any more serves those who waited for it.
        guard let newest = await newestRecords()[record.id] else { return }
        let now = self.settings(newest)
        hold(record.id, now)
        let isWanted = state.withLock { $0.pool.isWanted(record.id) }
        // A disk that does not answer says nothing of a change.
        guard isWanted, let terms = try? await currentTerms(newest, now) else { return }
        if let change = terms.change(since: before) { retire(record.id, change) }
    }

    /// As the last look at the disk found them, by name.
    func newestRecords() async -> [String: ModelRecord] {
        Dictionary(await catalog.latest().records.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private func hold(_ id: String, _ settings: ModelSettings) {
        act { state, now in
            state.pool.hold(id, keepAlive: settings.keepAlive ?? keepAlive, isPinned: settings.isPinned, now: now)
        }
    }

    /// The model is freed when its last user is done, and nobody else gets it until then.
    private func retire(_ id: String, _ change: LoadTerms.Change) {
        switch change {
        case .files: logger.notice("the files of a loaded model changed; it goes when nobody uses it", metadata: ["model": "\(id)"])
        case .settings:
            logger.notice("a loaded model's settings changed; it is loaded anew when nobody uses it", metadata: ["model": "\(id)"])
        }
        act { state, now in state.pool.retire(id, now: now) }
    }

    /// Of models that are there, or on their way, those that would be loaded otherwise now, or not at all.
    private func changes() async -> [String: LoadTerms.Change] {
        let newest = await newestRecords()
        // What is known to be outdated is told once.
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
