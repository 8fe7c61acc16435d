import ShimmyChat
import ShimmyEngine

/// The work of a model's replicas in numbers, as far as this server knows it.
struct FleetInspection: EngineInspection {
    let fleet: UpstreamFleet
    let offer: String

    var statistics: EngineStatistics {
        let load = fleet.load(of: offer)
        var statistics = EngineStatistics()
        statistics.running = load.running
        (statistics.waiting, statistics.queued) = (load.waiting, load.waiting)
        statistics.queueLimit = UpstreamFleet.longestQueue
        return statistics
    }
}
