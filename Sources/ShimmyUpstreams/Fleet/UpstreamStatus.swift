/// The state of an upstream, for people and programs.
package struct UpstreamStatus: Sendable, Equatable {
    package let name: String
    package let url: String
    /// The program that runs there; nil while it is unknown.
    package let kind: UpstreamKind?
    /// Whether the last check succeeded; nil before the first one.
    package let isHealthy: Bool?
    /// The reason why it gets no requests now; nil if it does.
    package let obstacle: String?
    /// `closed`, `open` or `probing`.
    package let breaker: String
    /// The ids of its models at the upstream.
    package let models: [String]
    package let priority: Int
    package let weight: Double
    package let running: Int
    /// The max requests at the same time; nil for no limit.
    package let limit: Int?
    package let requests: Int
    package let failures: Int
    package let failovers: Int
    /// The seconds since the last check; nil before.
    package let checkedSecondsAgo: Double?
}

extension UpstreamStatus {
    /// Returns nil if the fleet has no such upstream.
    init?(_ name: String, _ state: FleetState, at now: ContinuousClock.Instant) {
        guard let member = state.members[name] else { return nil }
        let settings = member.settings
        self.name = name
        url = settings.url
        kind = member.peer?.kind ?? settings.kind
        isHealthy =
            switch member.health {
            case .unknown: nil
            case .healthy: true
            case .unhealthy, .suspect: false
            }
        obstacle = state.obstacle(name, at: now).reason
        breaker = state.breaker(name, at: now)
        models = state.catalog.models(of: name)
        (priority, weight, limit) = (settings.priority, settings.weight, settings.maxConcurrency)
        running = state.running(name)
        (requests, failures, failovers) = (member.counts.requests, member.counts.failures, member.counts.failovers)
        checkedSecondsAgo = member.checked.map { (now - $0) / .seconds(1) }
    }
}
