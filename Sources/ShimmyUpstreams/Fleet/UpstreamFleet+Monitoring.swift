import Logging
import ShimmyChat
import Synchronization

/// Checks the upstreams from time to time.
extension UpstreamFleet {
    /// How often the models of a healthy upstream are listed again.
    private static let listInterval = Duration.seconds(60)
    /// The max seconds between the first failed check of a healthy upstream and the next one.
    private static let recheckSeconds = 1.0

    /// Checks an upstream until the task is cancelled or the fleet is gone.
    static func monitor(_ name: String, of fleet: @escaping @Sendable () -> UpstreamFleet?) async {
        while !Task.isCancelled {
            guard let seconds = await fleet()?.look(name) else { return }
            // Many servers with the same configuration do not check at the same moment.
            let pause = seconds * Double.random(in: 0.8...1.2)
            guard (try? await Task.sleep(for: .seconds(pause))) != nil else { return }
        }
    }

    /// Checks an upstream once. Returns the seconds until the next check; nil if there is no such upstream any more.
    private func look(_ name: String) async -> Double? {
        guard let member = state.withLock({ $0.members[name] }) else { return nil }
        let settings = member.settings
        var health = FleetMember.Health.healthy
        var (peer, models): ((any UpstreamPeer)?, [UpstreamModel]?) = (member.peer, nil)
        // After a failure, another program may run there than the one that was found.
        if settings.kind == nil, member.health != .healthy { peer = nil }
        do {
            if peer == nil { peer = maker.make(settings, try await maker.detect(settings)) }
            let wasHealthy = member.health == .healthy
            try await peer?.check()
            let isDue = member.listed.map { $0.duration(to: .now) >= Self.listInterval } ?? true
            if !wasHealthy || isDue { models = try await peer?.models() }
        } catch is CancellationError {
            return nil
        } catch {
            health = member.health(after: error)
        }
        // The settings may have changed meanwhile.
        guard state.withLock({ $0.members[name]?.version }) == member.version else { return nil }
        report(name, from: member.health, to: health)
        note(health, of: name, version: member.version, peer, models: models)
        // The second check decides whether the first failure meant anything.
        if case (.healthy, .suspect) = (member.health, health) { return max(0.1, min(settings.healthSeconds, Self.recheckSeconds)) }
        return max(0.1, settings.healthSeconds)
    }

    private func report(_ name: String, from old: FleetMember.Health, to new: FleetMember.Health) {
        if old == new { return }
        switch new {
        case .healthy: logger.info("upstream is healthy", metadata: ["upstream": "\(name)"])
        case .unhealthy(let reason):
            // The reason can change while it stays unhealthy.
            if case .unhealthy = old { return }
            logger.warning("upstream is unhealthy", metadata: ["upstream": "\(name)", "reason": "\(reason)"])
        case .suspect(let reason):
            if case .suspect = old { return }
            logger.warning("upstream failed a check", metadata: ["upstream": "\(name)", "reason": "\(reason)"])
        case .unknown: break
        }
    }

    /// Waits until each upstream was checked once.
    /// - limit: the max time to wait.
    package func firstChecks(within limit: Duration) async {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end, state.withLock({ $0.members.values.contains { $0.health == .unknown } }) {
            guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { return }
        }
    }

    /// Lists the models of all upstreams now.
    package func refresh() async {
        let names = state.withLock { state in
            for name in state.order { state.members[name]?.listed = nil }
            return state.order
        }
        await withDiscardingTaskGroup { group in
            for name in names { group.addTask { _ = await self.look(name) } }
        }
    }
}
