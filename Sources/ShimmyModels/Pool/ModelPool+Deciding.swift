import ShimmyCore
import ShimmyEngine

/// Decides the actions that follow an event. The rule numbers are those in the comment of `ModelPool`.
extension ModelPool {
    mutating func settle(_ now: Double) -> [Action] {
        if stopped { return [] }
        var actions = grantWhatIsLoaded() + refuseTheLate(now)
        while let next = nextHead(now) {
            let done = serve(next, now)
            actions += done.actions
            if !done.goesOn { break }
        }
        // Models that were reserved for a head that no longer waits are available to all requests again.
        actions += grantWhatIsLoaded()
        return actions + freeTheOutdated() + freeTheExpired(now) + freeTheExcess()
    }

    /// Rule 9
    private mutating func refuseTheLate(_ now: Double) -> [Action] {
        let late = waiters.filter { now >= $0.since + limits.waitSeconds && !isLoading($0.id) }
        waiters.removeAll { waiter in late.contains { $0.ticket == waiter.ticket } }
        return late.map { waiter in
            if entries[waiter.id]?.isOutdated == true { return .refuse(waiter.ticket, .isReplaced(waiter.id, seconds: limits.waitSeconds)) }
            let needed = waiter.terms.memory.total
            return .refuse(waiter.ticket, .waitedTooLong(waiter.id, seconds: limits.waitSeconds, needed: needed, budget: limits.budget))
        }
    }

    /// Rule 1. Rules 2 and 3 result from leaving the other requests in the queue.
    private mutating func grantWhatIsLoaded() -> [Action] {
        var actions: [Action] = []
        var remaining: [Waiter] = []
        var isBehindHead = false
        for waiter in waiters {
            isBehindHead = isBehindHead || waiter.ticket == head?.ticket
            let hasToGo = isBehindHead && head?.leaving.contains(waiter.id) == true
            if let resource = entries[waiter.id]?.open, !hasToGo {
                actions.append(grant(waiter, resource))
            } else {
                remaining.append(waiter)
            }
        }
        waiters = remaining
        return actions
    }

    /// Returns the first request whose model is neither loaded nor loading. A model that is being freed counts as not loaded, so that no later
    /// request overtakes.
    private mutating func nextHead(_ now: Double) -> Waiter? {
        let next = waiters.first { entries[$0.id] == nil || entries[$0.id]?.isFreeing == true }
        if next?.ticket != head?.ticket { head = next.map { ($0.ticket, now, []) } }
        return next
    }

    /// - goesOn: whether the next request may become the head.
    private mutating func serve(_ waiter: Waiter, _ now: Double) -> (actions: [Action], goesOn: Bool) {
        if entries[waiter.id] != nil { return ([], false) }  // rule 3
        if let refusal = neverFits(waiter.id, waiter.terms) {  // rule 4
            waiters.removeAll { $0.ticket == waiter.ticket }
            return ([.refuse(waiter.ticket, refusal)], true)
        }
        let missing = missing(for: waiter.terms.memory.total)
        if missing.bytes <= 0, missing.places <= 0 {  // rule 5
            let terms = waiter.terms
            entries[waiter.id] = Entry(memory: terms.memory, keepAlive: terms.keepAlive, configured: terms.keepAlive, isPinned: terms.isPinned)
            return ([.load(waiter.id)], true)
        }
        let leaving = head?.leaving ?? []
        guard let chosen = choose(missing, first: leaving) else { return ([], false) }
        let idle = chosen.filter { entries[$0]?.isIdle == true }
        if idle.count == chosen.count { return (free(chosen), false) }  // rule 6
        guard !leaving.isEmpty || now >= (head?.since ?? now) + limits.patience else { return ([], false) }
        head?.leaving = Set(chosen)  // rule 7
        return (free(idle), false)
    }

    /// Returns the bytes and the number of models that must be freed, and those that are already being freed.
    private func missing(for bytes: Int) -> (bytes: Int, places: Int, beingFreed: Int, placesBeingFreed: Int) {
        let freeing = entries.values.filter(\.isFreeing)
        return (
            bytes - freeBytes, limits.models.map { entries.count + 1 - $0 } ?? 0, freeing.reduce(0) { $0 + $1.memory.total }, freeing.count
        )
    }

    /// Returns the models to free, least recently used first and idle ones before others; nil if freeing all of them is not enough.
    /// - first: the models that were chosen before, which remain the first choice.
    private func choose(
        _ missing: (bytes: Int, places: Int, beingFreed: Int, placesBeingFreed: Int), first: Set<String>
    ) -> [String]? {
        var (bytes, places) = (missing.bytes - missing.beingFreed, missing.places - missing.placesBeingFreed)
        var chosen: [String] = []
        let candidates = entries.filter { $0.value.loaded != nil && !$0.value.isPinned }.sorted { one, other in
            func order(_ id: String, _ entry: Entry) -> (Int, Int, Int) { (first.contains(id) ? 0 : 1, entry.users > 0 ? 1 : 0, entry.lastUse) }
            return order(one.key, one.value) < order(other.key, other.value)
        }
        for (id, entry) in candidates where bytes > 0 || places > 0 {
            chosen.append(id)
            bytes -= entry.memory.total
            places -= 1
        }
        return bytes > 0 || places > 0 ? nil : chosen
    }

    /// Rule 4: returns why a request can never be served, or nil if it can.
    func neverFits(_ id: String, _ terms: Terms) -> ModelError? {
        let pinned = entries.filter { $0.value.isPinned && $0.key != id }.values
        let available = limits.budget - pinned.reduce(0) { $0 + $1.memory.total }
        if terms.memory.total > available { return .tooLarge(id, needed: terms.memory, available: max(0, available)) }
        if let models = limits.models, pinned.count >= models { return .noPlace(id, models: models) }
        return nil
    }

    /// Rule 12
    private mutating func freeTheOutdated() -> [Action] {
        free(entries.filter { $0.value.isOutdated && $0.value.loaded != nil && $0.value.users == 0 }.keys.sorted())
    }

    /// Rule 11
    private mutating func freeTheExpired(_ now: Double) -> [Action] {
        free(entries.filter { $0.value.expiry.map { $0 <= now } ?? false }.keys.sorted())
    }

    /// Rule 10
    private mutating func freeTheExcess() -> [Action] {
        var excess = -freeBytes - entries.values.filter(\.isFreeing).reduce(0) { $0 + $1.memory.total }
        var chosen: [String] = []
        for (id, entry) in entries.filter(\.value.isIdle).sorted(by: { $0.value.lastUse < $1.value.lastUse }) where excess > 0 {
            chosen.append(id)
            excess -= entry.memory.total
        }
        return free(chosen)
    }

    /// Records the memory of the cached grammars of loaded models, in bytes, by model.
    package mutating func note(grammars: [String: Int]) {
        for (id, entry) in entries where entry.loaded != nil { entries[id]?.memory.grammars = grammars[id] ?? 0 }
    }

    /// The bytes of the budget that no model takes or reserves; negative if models took more than was estimated.
    package var freeBytes: Int { limits.budget - usedBytes }
    package var usedBytes: Int { entries.values.reduce(0) { $0 + $1.memory.total } }
}
