/// Which models are loaded, who uses them and who has to go. Pure decisions: it loads and frees nothing itself.
///
/// `Resource` is what a loaded model is, `Pending` what one waits for while it loads.
struct ModelPool<Resource, Pending> {
    enum Entry {
        case loading(Pending)
        /// - idleSince: seconds, when the last user went; what it is while there are some does not matter.
        case loaded(Resource, users: Int, lastUse: Int, idleSince: Double)
    }

    /// What to do for somebody who wants a model.
    enum Action {
        /// It is there; the caller counts as a user from now on.
        case use(Resource)
        /// It is being loaded: wait, then ask again.
        case wait(Pending)
        /// As many models as allowed are in use.
        case full
    }

    private var entries: [String: Entry] = [:]
    private var clock = 0
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    /// - startLoading: begins to load the model after freeing what it is given; who loads says so with `didLoad` or `didFail`.
    mutating func request(_ id: String, startLoading: (_ evicted: [Resource]) -> Pending) -> Action {
        switch entries[id] {
        case .loaded(let resource, let users, _, let idleSince):
            entries[id] = .loaded(resource, users: users + 1, lastUse: tick(), idleSince: idleSince)
            return .use(resource)
        case .loading(let pending):
            return .wait(pending)
        case nil:
            guard let evicted = makeRoom() else { return .full }
            let pending = startLoading(evicted)
            entries[id] = .loading(pending)
            return .wait(pending)
        }
    }

    /// Takes out idle models, the least recently used first, until one more fits; nil when too many are in use.
    private mutating func makeRoom() -> [Resource]? {
        var excess = entries.count + 1 - capacity
        guard excess > 0 else { return [] }
        let idle = entries.compactMap { id, entry -> (id: String, resource: Resource, lastUse: Int)? in
            guard case .loaded(let resource, 0, let lastUse, _) = entry else { return nil }
            return (id, resource, lastUse)
        }
        guard idle.count >= excess else { return nil }
        var evicted: [Resource] = []
        for candidate in idle.sorted(by: { $0.lastUse < $1.lastUse }) where excess > 0 {
            entries[candidate.id] = nil
            evicted.append(candidate.resource)
            excess -= 1
        }
        return evicted
    }

    mutating func didLoad(_ id: String, _ resource: Resource, now: Double) {
        entries[id] = .loaded(resource, users: 0, lastUse: tick(), idleSince: now)
    }

    mutating func didFail(_ id: String) { entries[id] = nil }

    mutating func release(_ id: String, now: Double) {
        guard case .loaded(let resource, let users, _, _) = entries[id] else { return }
        entries[id] = .loaded(resource, users: max(0, users - 1), lastUse: tick(), idleSince: now)
    }

    /// Takes out what nobody has used since then.
    mutating func takeIdle(since time: Double) -> [(id: String, resource: Resource)] {
        var taken: [(id: String, resource: Resource)] = []
        for (id, entry) in entries {
            guard case .loaded(let resource, 0, _, let idleSince) = entry, idleSince <= time else { continue }
            entries[id] = nil
            taken.append((id, resource))
        }
        return taken
    }

    enum Removal {
        case notLoaded
        case inUse
        case removed(Resource)
    }

    /// Takes one out, if nobody uses it.
    mutating func remove(_ id: String) -> Removal {
        switch entries[id] {
        case nil: return .notLoaded
        case .loaded(let resource, 0, _, _):
            entries[id] = nil
            return .removed(resource)
        case .loaded, .loading: return .inUse
        }
    }

    func loaded(_ id: String) -> Resource? {
        guard case .loaded(let resource, _, _, _) = entries[id] else { return nil }
        return resource
    }

    /// Sorted by name.
    var allLoaded: [(id: String, resource: Resource)] {
        entries.sorted { $0.key < $1.key }.compactMap { id, entry in
            guard case .loaded(let resource, _, _, _) = entry else { return nil }
            return (id, resource)
        }
    }

    var isLoading: Bool {
        entries.values.contains {
            guard case .loading = $0 else { return false }
            return true
        }
    }

    mutating func removeAll() -> [Resource] {
        defer { entries = [:] }
        return allLoaded.map(\.resource)
    }

    private mutating func tick() -> Int {
        clock += 1
        return clock
    }
}
