import ShimmyChat
import ShimmyRouting

/// An upstream as the fleet knows it.
struct FleetMember {
    /// How often an upstream was used since the server started.
    struct Counts: Equatable {
        var requests = 0
        /// Requests that failed because of the upstream.
        var failures = 0
        /// Failed requests that another replica was asked to serve instead.
        var failovers = 0
    }

    enum Health: Equatable {
        /// No check has ended yet.
        case unknown
        case healthy
        /// The last check failed for this reason.
        case unhealthy(String)
        /// The last check failed for this reason, but requests may succeed: it is the first failed check, or the upstream can be reached.
        case suspect(String)
    }

    var settings: UpstreamSettings
    /// The number of this version of the settings, to recognize results of checks with earlier settings.
    var version: Int
    /// The upstream in the router, which counts its requests and has its circuit breaker.
    let replica: ReplicaID
    /// The upstream; nil until its kind is known.
    var peer: (any UpstreamPeer)?
    /// All models that it has, before the settings choose among them.
    var models: [UpstreamModel] = []
    var health = Health.unknown
    var counts = Counts()
    /// The time of the end of the last check; nil before.
    var checked: ContinuousClock.Instant?
    /// The time of the last list of models; nil before.
    var listed: ContinuousClock.Instant?

    init(_ settings: UpstreamSettings, version: Int, replica: ReplicaID) {
        self.settings = settings
        self.version = version
        self.replica = replica
    }

    /// Returns the health after a failed check.
    func health(after error: any Error) -> Health {
        guard let failure = error as? UpstreamFailure else { return .unhealthy("\(error)") }
        switch (health, failure.reason) {
        case (.unknown, _), (.unhealthy, _), (_, .unsupported): return .unhealthy(failure.message)
        case (.suspect, .unreachable): return .unhealthy(failure.message)
        case (.healthy, _), (.suspect, _): return .suspect(failure.message)
        }
    }

    var routedHealth: ReplicaHealth {
        switch health {
        case .unknown: .unhealthy("it has not answered yet")
        case .unhealthy(let reason): .unhealthy(reason)
        case .suspect(let reason): .suspect(reason)
        case .healthy: .healthy
        }
    }
}

extension ReplicaTerms {
    /// The router prefers higher priorities, the configuration lower numbers.
    init(_ settings: UpstreamSettings) {
        self.init(name: settings.name, weight: settings.weight, priority: -settings.priority, maxConcurrency: settings.maxConcurrency)
    }
}
