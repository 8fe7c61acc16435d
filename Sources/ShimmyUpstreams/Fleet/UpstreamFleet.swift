package import Logging
import ShimmyChat
import ShimmyCore
import ShimmyRouting
import Synchronization

/// The upstream servers of this server: their models, their health, and the choice among them for each request.
package final class UpstreamFleet: Sendable {
    /// The max number of requests that wait for a place at upstreams with a limit, and the max time of the wait.
    package static let longestQueue = 256
    package static let longestWait = Duration.seconds(30)

    let state = Mutex(FleetState())
    let maker: UpstreamMaker
    let logger: Logger
    /// Called after the list of models changed.
    private let onChange: @Sendable () -> Void
    /// The tasks that check the upstreams, by name.
    private let monitors = Mutex<[String: Task<Void, Never>]>([:])
    /// A random number, with which prompts are hashed, so that clients cannot construct prompts with equal hashes.
    private let seed = UInt64.random(in: 0 ... .max)
    private let queueWait: Duration
    private let refused = Mutex<String?>(nil)

    /// - queueWait: how long a request waits for a place.
    /// - onChange: called after the list of models changed.
    package init(
        maker: UpstreamMaker, logger: Logger, queueWait: Duration = UpstreamFleet.longestWait, onChange: @escaping @Sendable () -> Void = {}
    ) {
        self.maker = maker
        self.logger = logger
        self.queueWait = queueWait
        self.onChange = onChange
    }

    deinit { for monitor in monitors.withLock({ $0.values.map(\.self) }) { monitor.cancel() } }

    // MARK: Upstreams

    /// The reason why the newest configuration did not take effect; nil if it did.
    package var refusal: String? { refused.withLock { $0 } }

    /// Notes that the newest configuration does not take effect. The upstreams stay as they are.
    package func refuse(_ reason: String) { refused.withLock { $0 = reason } }

    /// Replaces the settings of all upstreams. Unchanged ones keep their state, and requests in flight go on.
    package func update(_ settings: [UpstreamSettings]) {
        refused.withLock { $0 = nil }
        let before = catalog
        let changed = state.withLock { $0.update(settings, at: .now, make: maker.make) }
        let names = Set(settings.map(\.name))
        monitors.withLock { monitors in
            for (name, monitor) in monitors where !names.contains(name) || changed.contains(name) {
                monitor.cancel()
                monitors[name] = nil
            }
            for name in changed { monitors[name] = Task { [weak self] in await Self.monitor(name, of: { [weak self] in self }) } }
        }
        grantPlaces()
        if catalog != before { onChange() }
    }

    /// Stops all checks. Later requests find no upstream.
    package func shutdown() {
        let waiters = state.withLock { state in
            state.isShutDown = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.answer.resume(throwing: CancellationError()) }
        monitors.withLock { monitors in
            for monitor in monitors.values { monitor.cancel() }
            monitors = [:]
        }
    }

    package var catalog: UpstreamCatalog { state.withLock { $0.catalog } }

    /// The state of all upstreams, in the order of the configuration.
    package var statuses: [UpstreamStatus] {
        let now = ContinuousClock.now
        return state.withLock { state in state.order.compactMap { UpstreamStatus($0, state, at: now) } }
    }

    /// Returns the requests of a model that run and that wait, at all upstreams of this server.
    func load(of offer: String) -> (running: Int, waiting: Int) {
        state.withLock { state in
            let replicas = state.catalog.offer(offer)?.replicas ?? []
            return (replicas.reduce(0) { $0 + state.running($1.upstream) }, state.waiters.count { $0.need.offer == offer })
        }
    }

    /// Notes the result of a check.
    /// - version: the version of the settings that the check used.
    func note(_ health: FleetMember.Health, of name: String, version: Int, _ peer: (any UpstreamPeer)?, models: [UpstreamModel]?) {
        let isChanged = state.withLock { $0.note(health, of: name, version: version, peer, models: models, time: UnixTime.now, at: .now) }
        grantPlaces()
        if isChanged { onChange() }
    }

    // MARK: Requests

    /// Does work for a model at one of its replicas. A replica that fails is followed by the next one.
    func call<Value: Sendable>(
        _ offer: String, _ prompt: FleetPrompt, _ work: (FleetPlace) async throws -> Value
    ) async throws -> Value {
        try await attempt(FleetAttempts(need(offer, prompt))) { place in
            let value = try await work(place)
            place.end(.succeeded)
            return value
        }
    }

    /// Begins an answer at one of a model's replicas. A replica that fails before its first event is followed by the next one. The answer keeps its
    /// place until it ends.
    func answer(
        _ offer: String, _ prompt: FleetPrompt, _ work: (FleetPlace) async throws -> sending Answer
    ) async throws -> sending Answer {
        try await attempt(FleetAttempts(need(offer, prompt))) { place in
            let answer = try await work(place)
            noteAnswer(at: place)
            return Answer.keeping(answer, place)
        }
    }

    /// Begins an answer to a request for media at one of a model's replicas. Such a request can be expensive, so that the next replica is asked only
    /// if the failed one has certainly done nothing. The answer keeps its place until it ends.
    func forward(_ offer: String, _ work: (FleetPlace) async throws -> MediaAnswer) async throws -> MediaAnswer {
        try await attempt(FleetAttempts(need(offer, FleetPrompt()), isCostly: true)) { place in
            let answer = try await work(place)
            noteAnswer(at: place)
            return answer.keeping(place)
        }
    }

    /// Does work at one replica after the other until it succeeds, or until no other replica may be asked.
    private func attempt<Value>(
        _ first: FleetAttempts, _ work: (FleetPlace) async throws -> sending Value
    ) async throws -> sending Value {
        var attempts = first
        while true {
            let place = try await place(for: attempts)
            do {
                return try await work(place)
            } catch {
                try attempts.failed(at: place, error, self)
            }
        }
    }

    /// Notes that an answer has begun. The answer to a probe makes the upstream usable.
    private func noteAnswer(at place: FleetPlace) {
        state.withLock { $0.answered(place.number, at: .now) }
        grantPlaces()
    }

    private func need(_ offer: String, _ prompt: FleetPrompt) -> FleetState.Need {
        FleetState.Need(offer: offer, request: RoutedRequest(chunks: PromptChunks(prompt.parts, model: offer, seed: seed)))
    }

    /// Notes that another replica is asked instead of one that failed.
    private func countFailover(of name: String) {
        state.withLock { state in
            guard state.members[name] != nil else { return }
            state.members[name]!.counts.failovers += 1
        }
    }

    // MARK: Places

    /// Returns a place for a request, after waiting for one if all replicas are at their limits. Throws an `UpstreamFailure` if there is none.
    func place(for attempts: FleetAttempts) async throws -> FleetPlace {
        let need = attempts.need
        try Task.checkCancellation()
        let choice = state.withLock { state -> FleetState.Choice in
            if state.isShutDown { return .none }
            // A request does not overtake those that wait for the same replicas.
            if need.tried.isEmpty, state.waiters.contains(where: { $0.need.offer == need.offer && $0.need.tried.isEmpty }) { return .full }
            return state.take(need, at: .now)
        }
        let taken: FleetState.Taken
        switch choice {
        case .taken(let place): taken = place
        case .none: throw attempts.failure(state.withLock { $0.obstacles(need.offer, attempts.failures, at: .now) })
        case .full: taken = try await wait(for: attempts)
        }
        if let failed = attempts.failures.last { countFailover(of: failed.upstream) }
        return place(taken)
    }

    private func place(_ taken: FleetState.Taken) -> FleetPlace {
        FleetPlace(taken) { [weak self] outcome in
            guard let self else { return }
            state.withLock { $0.end(taken, outcome, at: .now) }
            grantPlaces()
        }
    }

    /// Gives free places to the requests that wait.
    func grantPlaces() {
        let granted = state.withLock { $0.waiters.isEmpty ? [] : $0.grant(at: .now) }
        for (waiter, taken) in granted { waiter.answer.resume(returning: taken) }
    }

    private func wait(for attempts: FleetAttempts) async throws -> FleetState.Taken {
        let need = attempts.need
        let ticket = state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        let timer = Task { [weak self, queueWait] in
            guard (try? await Task.sleep(for: queueWait)) != nil else { return }
            self?.leave(ticket) { $0.tooLong(attempts) }
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { answer in
                let isQueued = state.withLock { state in
                    guard !state.isShutDown, state.waiters.count < Self.longestQueue else { return false }
                    state.waiters.append(FleetState.Waiter(ticket: ticket, need: need, answer: answer))
                    return true
                }
                guard isQueued else { return answer.resume(throwing: queueFull(attempts)) }
                // A place may have become free, or the task may have been cancelled, before the request was registered.
                grantPlaces()
                if Task.isCancelled { leave(ticket) { _ in CancellationError() } }
            }
        } onCancel: {
            leave(ticket) { _ in CancellationError() }
        }
    }

    /// Ends the wait of a request, unless it has ended.
    private func leave(_ ticket: Int, _ error: (UpstreamFleet) -> any Error) {
        let waiter = state.withLock { state -> FleetState.Waiter? in
            guard let index = state.waiters.firstIndex(where: { $0.ticket == ticket }) else { return nil }
            return state.waiters.remove(at: index)
        }
        waiter?.answer.resume(throwing: error(self))
    }

    private func tooLong(_ attempts: FleetAttempts) -> UpstreamFailure {
        let found = state.withLock { $0.obstacles(attempts.need.offer, attempts.failures, at: .now) }
        let seconds = Int(queueWait / .seconds(1))
        return UpstreamFailure(
            attempts.need.offer, .noReplica(found.reasons, retryAfter: found.retryAfter ?? 1), "no place became free within \(seconds) s")
    }

    private func queueFull(_ attempts: FleetAttempts) -> UpstreamFailure {
        let found = state.withLock { $0.obstacles(attempts.need.offer, attempts.failures, at: .now) }
        let reasons = ["the queue of requests that wait for upstreams is full (\(Self.longestQueue))"] + found.reasons
        return UpstreamFailure(attempts.need.offer, .noReplica(reasons, retryAfter: 1), "the queue is full")
    }
}
