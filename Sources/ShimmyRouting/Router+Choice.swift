extension Router {
    /// The max number of shared prefixes that are compared for a request.
    private static let maxMatches = 32

    func candidates(for request: RoutedRequest, in id: PoolID, at now: ContinuousClock.Instant) -> [Candidate] {
        guard let pool = pools[id.number] else { return [] }
        guard let priority = pool.priority else { return lastResort(in: pool, at: now).map { [$0] } ?? [] }
        let matches = prefixes.matches(request.chunks.hashes, limit: Self.maxMatches)
        var chosen = preferred(matches, request, in: pool, priority)
        let preferredCount = chosen.count
        for id in pool.least(terms.candidates) where chosen.count < terms.candidates && !chosen.contains(id) { chosen.append(id) }
        return chosen.enumerated().map { index, id in
            let chunks = matches.first { $0.cache == table.states[id.slot].cache }?.chunks ?? 0
            return Candidate(
                replica: id, name: table.states[id.slot].terms.name, reason: index < preferredCount ? .prefix : .load,
                cachedTokens: request.tokens(inChunks: chunks))
        }
    }

    /// Returns the replicas that share enough with the prompt and whose load allows it: by the length of the shared prefix, then by load.
    private func preferred(
        _ matches: [ReplicaPrefixIndex.Match], _ request: RoutedRequest, in pool: ReplicaPool, _ priority: Int
    ) -> [ReplicaID] {
        let mostLoad = max(Double(terms.absoluteLoad), terms.relativeLoad * pool.meanLoad(priority: priority))
        let leastLoad = pool.leastLoad ?? 0
        let leastChunks = max(1, terms.leastShare * Double(request.chunks.hashes.count))
        var found: [(replica: ReplicaID, chunks: Int, load: Double, turn: Int)] = []
        for match in matches where Double(match.chunks) >= leastChunks {
            guard let id = cacheOwners[match.cache], let slot = table.slot(of: id), let member = table.states[slot].member(of: pool.number),
                let rank = pool.rank(ofMember: member), rank.priority == priority
            else { continue }
            // A move has to pay off: the other replica has to compute the prefix.
            let leastElsewhere = leastLoad + Double(request.tokens(inChunks: match.chunks)) / table.states[slot].terms.weight
            guard rank.load <= max(mostLoad, leastElsewhere) else { continue }
            found.append((id, match.chunks, rank.load, rank.turn))
        }
        found.sort { ($1.chunks, $0.load, $0.turn) < ($0.chunks, $1.load, $1.turn) }
        return found.prefix(terms.candidates).map(\.replica)
    }

    /// Returns the replica that may serve soonest, if open breakers and failed checks of replicas that were healthy before are the only reasons that no
    /// replica can serve: they keep requests away from a replica only as long as there is another one.
    private func lastResort(in pool: ReplicaPool, at now: ContinuousClock.Instant) -> Candidate? {
        var best: (slot: Int, end: ContinuousClock.Instant)?
        for id in pool.members {
            guard let slot = table.slot(of: id), let reason = table.states[slot].refusal(at: now) else { continue }
            let end: ContinuousClock.Instant
            switch reason {
            case .full: return nil
            case .draining, .unhealthy: continue
            case .probing, .suspect: end = now
            case .open(let until): end = until
            }
            guard table.states[slot].hasRoom, best == nil || end < best!.end else { continue }
            best = (slot, end)
        }
        return best.map { slot, _ in
            Candidate(replica: table.states[slot].id, name: table.states[slot].terms.name, reason: .lastResort, cachedTokens: 0)
        }
    }

    /// Returns the replicas of a pool that cannot serve, and why.
    package func refusals(in pool: PoolID, at now: ContinuousClock.Instant) -> [Refusal] {
        (pools[pool.number]?.members ?? []).compactMap { id in
            guard let slot = table.slot(of: id), let reason = table.states[slot].refusal(at: now) else { return nil }
            return Refusal(replica: id, name: table.states[slot].terms.name, reason: reason)
        }
    }
}
