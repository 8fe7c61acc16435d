import ShimmyCore

/// Chooses among replicas of a model.
///
/// A request goes to the replica that shares the longest prefix with it, unless that replica's load is above an absolute and a relative limit; then to
/// the replica with the least load by weight. Replicas of a lower priority get requests only while those of higher ones are full or fail.
///
/// A router is a value without a clock: callers pass the time, which must not go backwards, and random numbers. While a replica can serve, the time
/// of a choice depends on the number of replicas only by its logarithm.
package struct Router: Sendable {
    /// A set of replicas that serve the same models.
    package struct PoolID: Hashable, Sendable {
        let number: Int
    }

    package let terms: RoutingTerms
    var table = ReplicaTable()
    var pools: [Int: ReplicaPool] = [:]
    private var lastPool = 0
    var prefixes: ReplicaPrefixIndex
    var cacheOwners: [ReplicaPrefixIndex.Cache: ReplicaID] = [:]
    private var lastCache = 0
    private var lastTurn = 0
    /// The ends of the pauses of open breakers, and the earliest of them.
    private var pauses: [ReplicaID: ContinuousClock.Instant] = [:]
    private var nextPauseEnd: ContinuousClock.Instant?

    package init(terms: RoutingTerms = RoutingTerms()) {
        self.terms = terms
        prefixes = ReplicaPrefixIndex(limits: .init(chunks: terms.indexedChunks, nodes: terms.indexedNodes))
    }

    // MARK: Replicas

    /// Adds a replica. It gets requests through the pools that contain it.
    package mutating func add(_ terms: ReplicaTerms) -> ReplicaID {
        let id = table.add(terms)
        table.states[id.slot].cache = makeCache(of: id)
        return id
    }

    /// Removes a replica from all pools. Its requests in flight no longer count.
    package mutating func remove(_ id: ReplicaID) {
        guard let replica = table.remove(id) else { return }
        for (pool, member) in replica.memberships { pools[pool]?.remove(member) }
        removeCache(replica.cache)
        pauses[id] = nil
    }

    /// Changes the settings of a replica. Its load and health remain, and its breaker if the breaker's limits do.
    package mutating func update(_ id: ReplicaID, _ terms: ReplicaTerms, at now: ContinuousClock.Instant) {
        guard let slot = table.slot(of: id) else { return }
        if table.states[slot].terms.breaker != terms.breaker { table.states[slot].breaker = CircuitBreaker(limits: terms.breaker) }
        table.states[slot].terms = terms
        refresh(slot, at: now)
    }

    package mutating func setHealth(_ health: ReplicaHealth, of id: ReplicaID, at now: ContinuousClock.Instant) {
        guard let slot = table.slot(of: id) else { return }
        if health == .healthy, table.states[slot].health != .healthy { table.states[slot].breaker.recovered(at: now) }
        table.states[slot].health = health
        refresh(slot, at: now)
    }

    /// Forgets the prefixes of a replica that lost its cache, such as by a restart.
    package mutating func forgetPrefixes(of id: ReplicaID) {
        guard let slot = table.slot(of: id) else { return }
        removeCache(table.states[slot].cache)
        table.states[slot].cache = makeCache(of: id)
    }

    /// Returns the state of a replica; nil if it was removed.
    package func replica(_ id: ReplicaID) -> ReplicaState? { table.slot(of: id).map { table.states[$0] } }

    private mutating func makeCache(of id: ReplicaID) -> ReplicaPrefixIndex.Cache {
        lastCache += 1
        cacheOwners[lastCache] = id
        prefixes.add(lastCache)
        return lastCache
    }

    private mutating func removeCache(_ cache: ReplicaPrefixIndex.Cache) {
        cacheOwners[cache] = nil
        prefixes.remove(cache)
    }

    // MARK: Pools

    /// Makes a pool of the replicas that serve a model. Models that the same replicas serve can share a pool.
    package mutating func makePool(of members: some Sequence<ReplicaID>, at now: ContinuousClock.Instant) -> PoolID {
        let members = Set(members).filter { table.slot(of: $0) != nil }.sorted()
        lastPool += 1
        pools[lastPool] = ReplicaPool(number: lastPool, members)
        for (index, id) in members.enumerated() {
            table.states[id.slot].memberships.append((lastPool, index))
            refresh(id.slot, at: now)
        }
        return PoolID(number: lastPool)
    }

    package mutating func removePool(_ id: PoolID) {
        guard let pool = pools.removeValue(forKey: id.number) else { return }
        for member in pool.members {
            guard let slot = table.slot(of: member) else { continue }
            table.states[slot].memberships.removeAll { $0.pool == id.number }
        }
    }

    // MARK: Requests

    /// Returns the replicas to try for a request, the best one first.
    package mutating func route(_ request: RoutedRequest, in pool: PoolID, at now: ContinuousClock.Instant) -> CandidateList {
        endPauses(at: now)
        return CandidateList(candidates: candidates(for: request, in: pool, at: now))
    }

    /// Notes that a request starts at a replica. Returns nil if the replica was removed or became full since the choice.
    package mutating func started(_ request: RoutedRequest, at candidate: Candidate, _ now: ContinuousClock.Instant) -> Flight? {
        guard let slot = table.slot(of: candidate.replica), table.states[slot].hasRoom else { return nil }
        let tokens = request.promptTokens - min(candidate.cachedTokens, request.promptTokens) + request.answerTokens
        prefixes.insert(request.chunks.hashes, in: table.states[slot].cache)
        lastTurn += 1
        table.states[slot].turn = lastTurn
        table.states[slot].requestsInFlight += 1
        table.states[slot].tokensInFlight += tokens
        let isProbe = table.states[slot].breaker.started()
        refresh(slot, at: now)
        return Flight(replica: candidate.replica, tokens: tokens, answerTokens: request.answerTokens, isProbe: isProbe)
    }

    /// Notes the first byte of an answer: the replica has computed the prompt, which no longer counts as load. A probe has succeeded: its answer can
    /// take long, in which other requests need not wait.
    package mutating func answered(_ flight: inout Flight, at now: ContinuousClock.Instant) {
        guard let slot = table.slot(of: flight.replica), flight.isProbe || flight.tokens > flight.answerTokens else { return }
        if flight.tokens > flight.answerTokens {
            table.states[slot].tokensInFlight = max(0, table.states[slot].tokensInFlight - (flight.tokens - flight.answerTokens))
            flight.tokens = flight.answerTokens
        }
        if flight.isProbe {
            table.states[slot].breaker.succeeded(wasProbe: true, at: now)
            flight.isProbe = false
        }
        refresh(slot, at: now)
    }

    /// Notes that a request ended. Each flight ends once.
    ///
    /// - random: a number in 0..<1 for the jitter of the breaker's pause.
    package mutating func finished(_ flight: Flight, _ outcome: FlightOutcome, random: Double, at now: ContinuousClock.Instant) {
        guard let slot = table.slot(of: flight.replica) else { return }
        table.states[slot].requestsInFlight = max(0, table.states[slot].requestsInFlight - 1)
        table.states[slot].tokensInFlight = max(0, table.states[slot].tokensInFlight - flight.tokens)
        switch outcome {
        case .succeeded: table.states[slot].breaker.succeeded(wasProbe: flight.isProbe, at: now)
        case .abandoned: table.states[slot].breaker.abandoned(wasProbe: flight.isProbe)
        case .failed(let retryAfter):
            table.states[slot].breaker.failed(wasProbe: flight.isProbe, retryAfter: retryAfter, random: random, at: now)
        }
        refresh(slot, at: now)
    }

    /// Updates a replica's rank in its pools.
    private mutating func refresh(_ slot: Int, at now: ContinuousClock.Instant) {
        let refusal = table.states[slot].refusal(at: now)
        if case .open(let until)? = refusal {
            pauses[table.states[slot].id] = until
            nextPauseEnd = min(nextPauseEnd ?? until, until)
        } else if !pauses.isEmpty {
            pauses[table.states[slot].id] = nil
        }
        let isFull = if case .full? = refusal { true } else { false }
        let weight = table.states[slot].terms.weight
        // The number of cached prefixes also changes when the index evicts. It decides among equals only, so its last value is enough.
        let rank = ReplicaPool.Rank(
            priority: table.states[slot].terms.priority,
            load: Double(table.states[slot].load(tokensPerRequest: terms.tokensPerRequest)) / weight,
            prefixChunks: prefixes.count(of: table.states[slot].cache), turn: table.states[slot].turn)
        for (pool, member) in table.states[slot].memberships {
            pools[pool]?.update(member, rank: rank, weight: weight, isUsable: refusal == nil, counts: refusal == nil || isFull)
        }
    }

    /// Makes replicas usable whose pause is over.
    private mutating func endPauses(at now: ContinuousClock.Instant) {
        guard let next = nextPauseEnd, next <= now else { return }
        let ended = pauses.filter { $0.value <= now }.keys.sorted()
        for id in ended {
            pauses[id] = nil
            if let slot = table.slot(of: id) { refresh(slot, at: now) }
        }
        nextPauseEnd = pauses.values.min()
    }
}
