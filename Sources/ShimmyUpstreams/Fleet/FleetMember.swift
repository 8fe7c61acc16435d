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
    }

    var settings: UpstreamSettings
    /// The number of this version of the settings, so that events of an earlier version are recognized.
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

    var routedHealth: ReplicaHealth {
        switch health {
        case .unknown: .unhealthy("it has not answered yet")
        case .unhealthy(let reason): .unhealthy(reason)
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
