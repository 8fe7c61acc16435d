package import ShimmyCore
package import ShimmyEngine

/// A pool of models, which decides which models are loaded, which requests use or wait for them, and which models are freed. The pool only
/// decides: it loads and frees nothing itself, has no clock and does not wait. Every event returns the actions to perform.
///
/// Requests are served in the order of arrival. For each waiting request:
///
/// 1. Its model is loaded and not to be freed for an earlier request: the request is granted.
/// 2. Its model is loading: the request joins that load, however long it takes.
/// 3. Its model is being freed, is outdated (12), or must be freed for an earlier request: the request waits until then and is considered again.
///
/// Otherwise its model is not loaded. Only the first such request (the head) is considered; the others wait behind it, so that no request
/// overtakes:
///
/// 4. It can never fit because the pinned models leave too little memory: the request is refused, already at arrival.
/// 5. It fits into the free memory: its load begins, and the next request becomes the head.
/// 6. It fits if idle models are freed: they are freed, least recently used first. They count until their memory is actually free.
/// 7. It fits only if models in use are freed: after a moment (`patience`) the models to free, again least recently used first, accept no new
///    users and are freed when their last user is done. So every head is served, however busy other models are.
///
/// In addition:
///
/// 8. The max number of requests is waiting: a new request is refused at arrival.
/// 9. A request has waited for the max time and its model is not loading: the request is refused.
/// 10. A model took more memory than was estimated: idle models are freed until everything fits again.
/// 11. A model was idle for its keep-alive time: it is freed. Pinned models stay.
/// 12. A model is outdated because its files or its settings changed, or its load is no longer wanted: it accepts no new users and is freed,
///     pinned or not, when its last user is done. So the change takes effect however busy the model is.
package struct ModelPool<Resource> {
    package struct Limits: Sendable {
        /// The max bytes of all models together.
        package var budget: Int
        /// The max number of models at once; nil for unlimited.
        package var models: Int?
        /// The max number of waiting requests.
        package var waiting = 256
        /// The max seconds that a request waits.
        package var waitSeconds = 60.0
        /// Seconds after which the models in the head's way accept no new users.
        package var patience = 1.0

        package init(budget: Int, models: Int? = nil) {
            self.budget = budget
            self.models = models
        }
    }

    /// The identifier of a request.
    package typealias Ticket = Int

    /// How a request wants a model to be loaded and kept.
    package struct Terms: Sendable {
        /// The memory that the model will take.
        package var memory: MemoryUse
        package var isPinned: Bool
        /// The keep-alive time unless a request sets another one.
        package var keepAlive: KeepAlive
        /// The keep-alive time that this request sets, valid until another request sets a different one; nil to keep the current one.
        package var asked: KeepAlive?
        /// Whether the request is for the load alone, so that no client waits for an answer.
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
        /// The request receives its model, and counts as a user until `release`.
        case grant(Ticket, String, Resource)
        case refuse(Ticket, ModelError)
        /// Load the model, then call `didLoad` or `didFail`.
        case load(String)
        /// Free the model, then call `didFree`.
        case free(String, Resource)
    }

    enum Stage {
        case loading
        case loaded(Resource)
        case freeing
    }

    struct Entry {
        var stage = Stage.loading
        /// The memory that the model takes; an estimate while it is loading.
        var memory: MemoryUse
        var users = 0
        /// The value of a counter that increases with each use.
        var lastUse = 0
        /// The time when the last user was done, in seconds. Undefined while the model has users.
        var idleSince = 0.0
        var keepAlive: KeepAlive
        /// The keep-alive time in the model's settings; a request may have set another one since.
        var configured: KeepAlive
        var isPinned: Bool
        /// Whether the model is outdated (rule 12).
        var isOutdated = false

        var loaded: Resource? {
            guard case .loaded(let resource) = stage else { return nil }
            return resource
        }
        /// The resource if the model accepts new users, regardless of the head's needs; otherwise nil.
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
        /// The time when the idle model is freed, in seconds; nil for never, and while the model is in use.
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
    /// The waiting requests, in the order of arrival.
    var waiters: [Waiter] = []
    /// The request whose model is loaded next, the time since when it has been the head, and the models to free for it.
    var head: (ticket: Ticket, since: Double, leaving: Set<String>)?
    var stopped = false
    private var uses = 0

    package init(limits: Limits) { self.limits = limits }

    // MARK: Events

    package mutating func request(_ ticket: Ticket, _ id: String, _ terms: Terms, now: Double) -> [Action] {
        if stopped { return [.refuse(ticket, .shuttingDown)] }
        if entries[id]?.isOutdated ?? true, let refusal = neverFits(id, terms) { return [.refuse(ticket, refusal)] }  // rule 4
        if !isOpen(id), waiters.count >= limits.waiting { return [.refuse(ticket, .tooManyWait(limits.waiting))] }  // rule 8
        waiters.append(Waiter(ticket: ticket, id: id, terms: terms, since: now))
        return settle(now)
    }

    /// Removes a waiting request. A request that was already granted is not affected.
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
        // If the failed load was outdated (12), the waiting requests want its next version, which is loaded for them instead.
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

    /// Removes a model that no request uses or waits to use, pinned or not. A model that is loading for requests with `onlyLoads` is no longer
    /// wanted: these requests are refused, the caller should stop the load, and a later request loads the model again.
    package mutating func remove(_ id: String, now: Double) -> Removal {
        guard let entry = entries[id], !entry.isFreeing else { return .notLoaded }
        guard entry.users == 0, !waiters.contains(where: { $0.id == id && !$0.terms.onlyLoads }) else { return .inUse }
        guard entry.isLoading else { return .removed(free([id])) }
        entries[id]?.isOutdated = true
        return .removed(refuseAll(whoWaitFor: id, .loadStopped(id)) + settle(now))
    }

    /// Marks a model as outdated (rule 12).
    package mutating func retire(_ id: String, now: Double) -> [Action] {
        entries[id]?.isOutdated = true
        return settle(now)
    }

    /// Applies a model's current settings. If the keep-alive time in the settings did not change, a value from a request remains valid.
    package mutating func hold(_ id: String, keepAlive: KeepAlive, isPinned: Bool, now: Double) -> [Action] {
        if let entry = entries[id], entry.configured != keepAlive {
            entries[id]?.keepAlive = keepAlive
            entries[id]?.configured = keepAlive
        }
        entries[id]?.isPinned = isPinned
        return settle(now)
    }

    /// Applies the passage of time.
    package mutating func advance(now: Double) -> [Action] { settle(now) }

    /// Stops serving requests and frees all models, even those in use.
    package mutating func stop() -> [Action] {
        stopped = true
        let refusals = waiters.map { Action.refuse($0.ticket, .shuttingDown) }
        waiters = []
        head = nil
        return refusals + free(entries.keys.sorted())
    }

    /// Returns the time when `advance` has work to do, in seconds; nil for never.
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

    /// Returns whether the model is loaded or loading, and not outdated.
    func isWanted(_ id: String) -> Bool { entries[id].map { !$0.isOutdated && !$0.isFreeing } ?? false }

    func isLoading(_ id: String) -> Bool { entries[id]?.isLoading ?? false }

    /// Returns whether a request for the model would not wait.
    package func isOpen(_ id: String) -> Bool { entries[id]?.open != nil && head?.leaving.contains(id) != true }
}
