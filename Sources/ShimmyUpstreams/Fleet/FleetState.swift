import ShimmyChat
import ShimmyRouting

/// The state of the fleet: its upstreams, their models, and the requests that wait for a place. It changes under a lock and never waits.
struct FleetState {
    /// A request that needs a replica.
    struct Need {
        let offer: String
        let request: RoutedRequest
        /// The upstreams that failed to serve it.
        var tried: Set<String> = []
    }

    /// A place that a request has taken.
    struct Taken {
        /// The number of the place.
        let place: Int
        let upstream: String
        let model: String
        let peer: any UpstreamPeer
    }

    struct Waiter {
        let ticket: Int
        let need: Need
        let answer: CheckedContinuation<Taken, any Error>
    }

    var members: [String: FleetMember] = [:]
    /// The names of the members in the order of the configuration.
    var order: [String] = []
    var catalog = UpstreamCatalog([])
    /// The requests that wait for a place, in the order of arrival.
    var waiters: [Waiter] = []
    var lastTicket = 0
    /// The requests at upstreams, by the numbers of their places.
    private var flights: [Int: Flight] = [:]
    private var lastPlace = 0
    var isShutDown = false
    private var router: Router
    private var pools: [[String]: Router.PoolID] = [:]
    private var lastVersion = 0

    init() {
        var terms = RoutingTerms()
        // A request tries all replicas before it fails, within reason.
        terms.candidates = 16
        router = Router(terms: terms)
    }

    // MARK: Members

    /// Replaces the settings. An upstream with the same settings keeps its state; one with another address starts without state.
    /// - make: makes an upstream whose kind is known.
    /// - Returns: the names of the upstreams that are new or changed.
    mutating func update(
        _ settings: [UpstreamSettings], at now: ContinuousClock.Instant, make: (UpstreamSettings, UpstreamKind) -> any UpstreamPeer
    ) -> [String] {
        var changed: [String] = []
        for name in members.keys where !settings.contains(where: { $0.name == name }) { remove(name) }
        for new in settings where members[new.name]?.settings != new {
            changed.append(new.name)
            lastVersion += 1
            if let old = members[new.name], old.settings.url == new.url {
                members[new.name]!.settings = new
                members[new.name]!.version = lastVersion
                members[new.name]!.listed = nil
                // A kind that was found out stays; one that the settings named does not.
                members[new.name]!.peer = (new.kind ?? (old.settings.kind == nil ? old.peer?.kind : nil)).map { make(new, $0) }
                router.update(old.replica, ReplicaTerms(new), at: now)
                continue
            }
            remove(new.name)
            var member = FleetMember(new, version: lastVersion, replica: router.add(ReplicaTerms(new)))
            member.peer = new.kind.map { make(new, $0) }
            members[new.name] = member
            router.setHealth(member.routedHealth, of: member.replica, at: now)
        }
        order = settings.map(\.name)
        _ = updateCatalog(at: now, isReplaced: true)
        return changed
    }

    private mutating func remove(_ name: String) {
        guard let member = members.removeValue(forKey: name) else { return }
        router.remove(member.replica)
    }

    /// Notes the result of a check, unless the settings have changed since its start. Returns whether the catalog changed.
    /// - version: the version of the settings that the check used.
    /// - models: all models of the upstream; nil if they were not listed again.
    /// - time: the current Unix time.
    mutating func note(
        _ health: FleetMember.Health, of name: String, version: Int, _ peer: (any UpstreamPeer)?, models: [UpstreamModel]?,
        time: Int, at now: ContinuousClock.Instant
    ) -> Bool {
        guard let old = members[name], old.version == version else { return false }
        if let peer { members[name]!.peer = peer }
        members[name]!.health = health
        members[name]!.checked = now
        if let models {
            members[name]!.models = Self.dated(models, after: old.models, time: time)
            members[name]!.listed = now
        }
        // A server that was away has lost its cache.
        if health == .healthy, case .unhealthy = old.health { router.forgetPrefixes(of: old.replica) }
        router.setHealth(members[name]!.routedHealth, of: old.replica, at: now)
        guard members[name]!.models != old.models else { return false }
        return updateCatalog(at: now)
    }

    /// Returns the models with their times. A known model keeps its time, because some servers give the time of the list instead.
    private static func dated(_ models: [UpstreamModel], after known: [UpstreamModel], time: Int) -> [UpstreamModel] {
        let times = Dictionary(known.map { ($0.id, $0.created) }, uniquingKeysWith: { first, _ in first })
        return models.map { model in
            var model = model
            model.created = times[model.id] ?? model.created ?? time
            return model
        }
    }

    /// Makes the catalog of the current models, and the pools of its replicas. Returns whether it changed.
    /// - isReplaced: whether the upstreams may be others than before.
    private mutating func updateCatalog(at now: ContinuousClock.Instant, isReplaced: Bool = false) -> Bool {
        let new = UpstreamCatalog(order.compactMap { name in members[name].map { (settings: $0.settings, models: $0.models) } })
        guard isReplaced || new != catalog else { return false }
        let sets = Set(new.offers.map { Self.names(of: $0) })
        // A pool that names a removed replica misses the one that replaced it.
        for pool in pools.values { router.removePool(pool) }
        pools = [:]
        for set in sets { pools[set] = router.makePool(of: set.compactMap { members[$0]?.replica }, at: now) }
        defer { catalog = new }
        return new != catalog
    }

    private static func names(of offer: UpstreamOffer) -> [String] { offer.replicas.map(\.upstream) }

    // MARK: Requests

    enum Choice {
        case taken(Taken)
        /// All replicas that could serve have as many requests as they may have.
        case full
        /// No replica can serve.
        case none
    }

    /// Takes a place for a request, at the best replica that has one.
    mutating func take(_ need: Need, at now: ContinuousClock.Instant) -> Choice {
        guard let offer = catalog.offer(need.offer), let pool = pools[Self.names(of: offer)] else { return .none }
        for candidate in router.route(need.request, in: pool, at: now).candidates where !need.tried.contains(candidate.name) {
            guard let member = members[candidate.name], let peer = member.peer,
                let model = offer.replicas.first(where: { $0.upstream == candidate.name })?.model,
                let flight = router.started(need.request, at: candidate, now)
            else { continue }
            members[candidate.name]!.counts.requests += 1
            lastPlace += 1
            flights[lastPlace] = flight
            return .taken(Taken(place: lastPlace, upstream: candidate.name, model: model, peer: peer))
        }
        let isFull = router.refusals(in: pool, at: now).contains { refusal in
            guard case .full = refusal.reason else { return false }
            return !need.tried.contains(refusal.name)
        }
        return isFull ? .full : .none
    }

    /// Notes the first event of a request's answer.
    mutating func answered(_ place: Int, at now: ContinuousClock.Instant) {
        guard var flight = flights[place] else { return }
        router.answered(&flight, at: now)
        flights[place] = flight
    }

    /// Ends a request's place.
    mutating func end(_ taken: Taken, _ outcome: FleetPlace.Outcome, at now: ContinuousClock.Instant) {
        var result = FlightOutcome.abandoned
        switch outcome {
        case .succeeded: result = .succeeded
        case .abandoned: break
        // A request that the upstream cannot serve was not sent.
        case .failed(let failure) where failure.isUnsupported: break
        case .failed(let failure) where !failure.canFailOver:
            result = .succeeded
            // The list of its models is out of date.
            if failure.isAbsent { members[taken.upstream]?.listed = nil }
        case .failed(let failure):
            members[taken.upstream]?.counts.failures += 1
            var pause: Duration?
            if case .busy(_, let seconds?) = failure.reason { pause = .seconds(min(max(seconds, 0), 3600)) }
            result = .failed(retryAfter: pause)
        }
        guard let flight = flights.removeValue(forKey: taken.place) else { return }
        router.finished(flight, result, random: Double.random(in: 0..<1), at: now)
    }

    /// Removes the waiters that have a place now, and returns them with their places.
    mutating func grant(at now: ContinuousClock.Instant) -> [(Waiter, Taken)] {
        var granted: [(Waiter, Taken)] = []
        var full: Set<String> = []
        var remaining: [Waiter] = []
        for waiter in waiters {
            if !full.contains(waiter.need.offer), case .taken(let taken) = take(waiter.need, at: now) {
                granted.append((waiter, taken))
            } else {
                // A request that waits for one of the other replicas does not block later requests.
                if waiter.need.tried.isEmpty { full.insert(waiter.need.offer) }
                remaining.append(waiter)
            }
        }
        waiters = remaining
        return granted
    }

    // MARK: Obstacles

    /// Returns the reasons why no replica of a model can serve now, for display, and the seconds after which one may.
    /// - failures: the failures of the replicas that were asked.
    func obstacles(_ offer: String, _ failures: [UpstreamFailure], at now: ContinuousClock.Instant) -> (reasons: [String], retryAfter: Int?) {
        var waits: [Int] = failures.compactMap { failure in
            guard case .busy(_, let seconds) = failure.reason else { return nil }
            return seconds
        }
        var reasons = failures.map { "\($0.upstream): \($0.message)" }
        let replicas = catalog.offer(offer)?.replicas ?? []
        for replica in replicas where !failures.contains(where: { $0.upstream == replica.upstream }) {
            let (reason, seconds) = obstacle(replica.upstream, at: now)
            reasons.append("\(replica.upstream): \(reason ?? "it was not asked")")
            if let seconds { waits.append(seconds) }
        }
        return (reasons, waits.min())
    }

    /// Returns the reason why an upstream gets no requests now, and the seconds until it may get some; nil if it gets requests.
    func obstacle(_ name: String, at now: ContinuousClock.Instant) -> (reason: String?, seconds: Int?) {
        guard let member = members[name], let replica = router.replica(member.replica) else { return ("it was removed", nil) }
        switch member.health {
        case .unhealthy(let reason), .suspect(let reason): return (reason, nil)
        case .unknown: return ("it has not answered yet", nil)
        case .healthy: break
        }
        switch replica.breaker.state(at: now) {
        case .open(let until):
            let seconds = max(1, Int(((until - now) / .seconds(1)).rounded(.up)))
            return ("it failed several times, or asked for a pause of \(seconds) s", seconds)
        case .probing: return ("it failed several times and is being tried again", 1)
        case .closed, .halfOpen: break
        }
        if let limit = member.settings.maxConcurrency, replica.requestsInFlight >= limit { return ("it is at its limit of \(limit) requests", 1) }
        return (nil, nil)
    }

    func running(_ name: String) -> Int { members[name].flatMap { router.replica($0.replica)?.requestsInFlight } ?? 0 }

    func breaker(_ name: String, at now: ContinuousClock.Instant) -> String {
        guard let state = members[name].flatMap({ router.replica($0.replica)?.breaker.state(at: now) }) else { return "closed" }
        return switch state {
        case .closed: "closed"
        case .open: "open"
        case .halfOpen, .probing: "probing"
        }
    }
}
