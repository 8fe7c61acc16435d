import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyJSON
import ShimmyUpstreams

/// `GET /admin/upstreams`: the upstream servers, their health and their load. The keys of upstreams are never shown.
struct UpstreamRoutes: Sendable {
    /// The upstream servers; nil for none.
    let fleet: UpstreamFleet?

    var routes: [Route] {
        [
            Route(own: .get, "/admin/upstreams", .read, prefixes: .none, access: .admin) { _, _ in
                .json([
                    "object": "list", "data": .array((fleet?.statuses ?? []).map(\.json)),
                    // The reason why the newest configuration of the upstreams has no effect.
                    "problem": fleet?.refusal.map(JSON.string) ?? .null,
                ])
            }
        ]
    }
}

extension UpstreamStatus {
    var json: JSON {
        [
            "object": "upstream", "name": .string(name), "url": .string(url), "kind": kind.map { .string($0.rawValue) } ?? .null,
            "healthy": isHealthy.map(JSON.bool) ?? .null, "obstacle": obstacle.map(JSON.string) ?? .null, "breaker": .string(breaker),
            "models": .array(models.map(JSON.string)), "priority": .int(priority), "weight": .double(weight), "running": .int(running),
            "limit": limit.map(JSON.int) ?? .null, "requests": .int(requests), "failures": .int(failures), "failovers": .int(failovers),
            "checked_seconds_ago": checkedSecondsAgo.map { .double(($0 * 1000).rounded() / 1000) } ?? .null,
        ]
    }
}
