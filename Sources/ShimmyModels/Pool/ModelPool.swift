package import ShimmyCore

/// Which models are loaded, who uses them, who waits and who has to go. Pure decisions: it loads and frees nothing itself, knows no clock
/// and does not wait. Every event returns what is to be done.
///
/// Requests are served in the order in which they came. For each one that waits:
///
/// 1. Its model is loaded and need not go for an earlier request: granted.
/// 2. Its model is being loaded: it joins that load, however long that takes.
/// 3. Its model is being freed, is outdated (12), or has to go for an earlier request: it waits until then and is looked at again.
///
/// Otherwise its model is not there. Of these only the first is looked at (the head); the others wait behind it, so that nobody overtakes:
///
/// 4. It can never fit, because what is pinned leaves too little: refused, at its arrival already.
/// 5. It fits into what is free: its load begins. From then on the next one is the head.
/// 6. It fits when idle models go: they are freed, least recently used first. They count until their memory is really free.
/// 7. Models in its way are in use. After a moment (`patience`) those that have to go, again least recently used first, take no new users,
///    and go as soon as the last one has left: so every head is served, however busy the others are.
///
/// Beside these:
///
/// 8. As many wait as may: refused at arrival.
/// 9. It has waited as long as one may, and its model is not being loaded: refused.
/// 10. A model took more than was estimated: idle ones go until all fits again.
/// 11. Nobody has used a model for as long as it is kept: it is freed. Pinned ones stay.
/// 12. A model is not any more what would be loaded now (its files or its settings changed), or its load is not wanted any more: it takes no
///     new users and is freed, pinned or not, when the last one has left. So the change takes effect however busy the model is.
package struct ModelPool<Resource> {
    package struct Limits: Sendable {
        /// Bytes of all models together.
        package var budget: Int
        /// Models at once; nil for any number.
        package var models: Int?
        /// Requests that may wait.
        package var waiting = 256
        /// Seconds that one may wait.
        package var waitSeconds = 60.0
        /// Seconds after which the models in the head's way take no new users.
        package var patience = 1.0

        package init(budget: Int, models: Int? = nil) {
            self.budget = budget
            self.models = models
        }
    }

    /// Names a request.
    package typealias Ticket = Int

    /// How a model is to be held.
    package struct Terms: Sendable {
        /// What it will take.
        package var memory: MemoryUse
        package var isPinned: Bool
        /// Unless a request said otherwise.
        package var keepAlive: KeepAlive
        /// What this request says; it holds until another one says something else.
        package var asked: KeepAlive?
        /// Whether it is for the load alone; nobody waits for an answer.
        package var onlyLoads: Bool

        package init(
            memory: MemoryUse, isPinned: Bool = false, keepAlive: KeepAlive = .forever, asked: KeepAlive? = nil, onlyLoads: Bool = false
        ) {
            self.onlyLoads = onlyLoads
            self.memory = memory
            self.isPinned = isPinned
            self.keepAlive = keepAlive
            self.asked = asked
        }
    }

    package enum Action {
        /// The request has its model, and counts as a user until `release`.
        case grant(Ticket, String, Resource)
        case refuse(Ticket, ModelError)
        /// Load it, then say `didLoad` or `didFail`.
        case load(String)
        /// Free it, then say `didFree`.
        case free(String, Resource)
    }

    enum Stage {
        case loading
        case loaded(Resource)
        case freeing
    }

    struct Entry {
        var stage = Stage.loading
        /// Estimated while it is loading, then what it really takes.
        var memory: MemoryUse
        var users = 0
        /// Of a count that goes on with each use.
        var lastUse = 0
        /// Seconds, when the last user went; what it is while there are some does not matter.
        var idleSince = 0.0
        var keepAlive: KeepAlive
        /// What its settings say of that; a request may have said something else since.
        var configured: KeepAlive
        var isPinned: Bool
        /// 12
        var isOutdated = false

        var loaded: Resource? {
            guard case .loaded(let resource) = stage else { return nil }
            return resource
        }
        /// Of one that takes new users, as far as it alone is asked.
        var open: Resource? { isOutdated ? nil : loaded }
        var isIdle: Bool { loaded != nil && users == 0 && !isPinned }
        var isLoading: Bool {
            guard case .loading = stage else { return false }
            return true
        }
        var isFreeing: Bool {
            guard case .freeing = stage else { return false }
            return true
        }
        /// When it goes if nobody comes; nil for never, or while it is in use.
        var expiry: Double? {
            guard isIdle, case .seconds(let seconds) = keepAlive else { return nil }
            return idleSince + seconds
        }
    }

    struct Waiter {
        let ticket: Ticket
        let id: String
        let terms: Terms
        let since: Double
    }

    let limits: Limits
    var entries: [String: Entry] = [:]
    /// In order of arrival.
    var waiters: [Waiter] = []
    /// The request whose model comes next, since when it is that, and what has to go for it.
    var head: (ticket: Ticket, since: Double, leaving: Set<String>)?
    var stopped = false
    private var uses = 0

    package init(limits: Limits) { self.limits = limits }

    // MARK: Events

    package mutating func request(_ ticket: Ticket, _ id: String, _ terms: Terms, now: Double) -> [Action] {
        if stopped { return [.refuse(ticket, .shuttingDown)] }
        if entries[id]?.isOutdated ?? true, let refusal = neverFits(id, terms) { return [.refuse(ticket, refusal)] }  // 4
        if !isOpen(id), waiters.count >= limits.waiting { return [.refuse(ticket, .tooManyWait(limits.waiting))] }  // 8
        waiters.append(Waiter(ticket: ticket, id: id, terms: terms, since: now))
        return settle(now)
    }

    /// The request waits no longer; nothing happens to one that was granted.
    package mutating func cancel(_ ticket: Ticket, now: Double) -> [Action] {
        waiters.removeAll { $0.ticket == ticket }
        return settle(now)
    }

    package mutating func didLoad(_ id: String, _ resource: Resource, _ memory: MemoryUse, now: Double) -> [Action] {
        if stopped {
            entries[id]?.stage = .freeing
            return [.free(id, resource)]
        }
        entries[id]?.stage = .loaded(resource)
        entries[id]?.memory = memory
        touch(id, now)
        return settle(now)
    }

    package mutating func didFail(_ id: String, _ error: ModelError, now: Double) -> [Action] {
        // What failed is not what those want who wait (12): it is tried anew for them.
        let isWanted = entries[id]?.isOutdated != true
        entries[id] = nil
        return (isWanted ? refuseAll(whoWaitFor: id, error) : []) + settle(now)
    }

    package mutating func didFree(_ id: String, now: Double) -> [Action] {
        entries[id] = nil
        return settle(now)
    }

    package mutating func release(_ id: String, now: Double) -> [Action] {
        guard let entry = entries[id], entry.users > 0 else { return [] }
        entries[id]?.users -= 1
        touch(id, now)
        return settle(now)
    }

    package enum Removal {
        case notLoaded
        case inUse
        case removed([Action])
    }

    /// Takes a model out if nobody uses it or waits to use it, pinned or not. One that is being loaded for its own sake is not wanted any more:
    /// those who asked for that hear it, its load should be stopped, and whoever comes later has it loaded anew.
    package mutating func remove(_ id: String, now: Double) -> Removal {
        guard let entry = entries[id], !entry.isFreeing else { return .notLoaded }
        guard entry.users == 0, !waiters.contains(where: { $0.id == id && !$0.terms.onlyLoads }) else { return .inUse }
        guard entry.isLoading else { return .removed(free([id])) }
        entries[id]?.isOutdated = true
        return .removed(refuseAll(whoWaitFor: id, .loadStopped(id)) + settle(now))
    }

    /// The model is not any more what would be loaded now (12).
    package mutating func retire(_ id: String, now: Double) -> [Action] {
        entries[id]?.isOutdated = true
        return settle(now)
    }

    /// This is what its settings say now. Where they say nothing new, what a request said still holds.
    package mutating func hold(_ id: String, keepAlive: KeepAlive, isPinned: Bool, now: Double) -> [Action] {
        if let entry = entries[id], entry.configured != keepAlive {
            entries[id]?.keepAlive = keepAlive
            entries[id]?.configured = keepAlive
        }
        entries[id]?.isPinned = isPinned
        return settle(now)
    }

    /// Time has gone by.
    package mutating func advance(now: Double) -> [Action] { settle(now) }

    /// Nothing is served any more; models are freed even if they are in use.
    package mutating func stop() -> [Action] {
        stopped = true
        let refusals = waiters.map { Action.refuse($0.ticket, .shuttingDown) }
        waiters = []
        head = nil
        return refusals + free(entries.keys.sorted())
    }

    /// Seconds, when `advance` has something to do; nil for never.
    package func nextDeadline(after now: Double) -> Double? {
        var times = entries.values.compactMap(\.expiry)
        times += waiters.filter { !isLoading($0.id) }.map { $0.since + limits.waitSeconds }
        if let head, head.leaving.isEmpty, head.since + limits.patience > now { times.append(head.since + limits.patience) }
        return times.min()
    }

    // MARK: Small changes

    private mutating func touch(_ id: String, _ now: Double) {
        uses += 1
        entries[id]?.lastUse = uses
        entries[id]?.idleSince = now
    }

    mutating func grant(_ waiter: Waiter, _ resource: Resource) -> Action {
        uses += 1
        entries[waiter.id]?.lastUse = uses
        entries[waiter.id]?.users += 1
        if let asked = waiter.terms.asked { entries[waiter.id]?.keepAlive = asked }
        return .grant(waiter.ticket, waiter.id, resource)
    }

    private mutating func refuseAll(whoWaitFor id: String, _ error: ModelError) -> [Action] {
        let refused = waiters.filter { $0.id == id }
        waiters.removeAll { $0.id == id }
        return refused.map { .refuse($0.ticket, error) }
    }

    mutating func free(_ ids: [String]) -> [Action] {
        ids.compactMap { id in
            guard let resource = entries[id]?.loaded else { return nil }
            entries[id]?.stage = .freeing
            return .free(id, resource)
        }
    }

    /// Whether it is there or on its way, and not to be replaced.
    func isWanted(_ id: String) -> Bool { entries[id].map { !$0.isOutdated && !$0.isFreeing } ?? false }

    func isLoading(_ id: String) -> Bool { entries[id]?.isLoading ?? false }

    /// Whether a request for it would not wait.
    package func isOpen(_ id: String) -> Bool { entries[id]?.open != nil && head?.leaving.contains(id) != true }
}
