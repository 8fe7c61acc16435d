import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyMetrics
import ShimmyModels
import ShimmyUpstreams

/// The metrics that are read for each request to `/metrics`: the state of engines, models, the server and the process.
struct CollectedMetrics {
    private var series: [String: [MetricFamily.Series]] = [:]

    /// Returns families with the collected series added.
    func completing(_ families: [MetricFamily]) -> [MetricFamily] {
        families.map { family in MetricFamily(family.description, family.series + (series[family.description.name] ?? [])) }
    }

    private mutating func add(_ metric: MetricDescription, _ value: Double?, _ labels: [MetricLabel] = []) {
        guard let value else { return }
        series[metric.name, default: []].append(MetricFamily.Series(labels, .number(value)))
    }

    private mutating func add(_ metric: MetricDescription, _ value: Int?, _ labels: [MetricLabel] = []) {
        add(metric, value.map { Double($0) }, labels)
    }

    // MARK: Engines

    mutating func add(_ statistics: EngineStatistics, ofModel id: String) {
        let model = [MetricLabel("model", id)]
        let counters = statistics.counters
        let numbers: [(MetricDescription, Int)] = [
            (ServerMetrics.running, statistics.running), (ServerMetrics.waiting, statistics.waiting),
            (ServerMetrics.queueLength, statistics.queued), (ServerMetrics.queueLimit, statistics.queueLimit),
            (ServerMetrics.cellsUsed, statistics.cellsUsed), (ServerMetrics.cellsShared, statistics.cellsShared),
            (ServerMetrics.cellsLimit, statistics.cellsTotal), (ServerMetrics.slotsUsed, statistics.slotsUsed),
            (ServerMetrics.slotsLimit, statistics.slotsTotal), (ServerMetrics.evictions, counters.evictions),
            (ServerMetrics.preemptions, counters.preemptions),
            (ServerMetrics.prefixQueries, counters.cachedPromptTokens + counters.promptTokens),
            (ServerMetrics.prefixHits, counters.cachedPromptTokens), (ServerMetrics.prefixRestored, statistics.restoredTokens),
            (ServerMetrics.drafted, counters.draftedTokens), (ServerMetrics.accepted, counters.acceptedTokens),
            (ServerMetrics.generated, counters.generatedTokens), (ServerMetrics.stepRows, statistics.tokensComputed),
        ]
        for (metric, number) in numbers { add(metric, number, model) }
        add(ServerMetrics.modelSeconds, statistics.modelSeconds, model)
        let steps = HistogramValue(bounds: StepDurations.bounds, counts: statistics.stepDurations.counts, sum: statistics.totalSeconds)
        series[ServerMetrics.stepSeconds.name, default: []].append(MetricFamily.Series(model, .histogram(steps)))
        let faults = statistics.faults
        for (kind, count) in [
            ("failed_sequence", faults.failedSequences), ("failed_run", faults.failedRuns), ("refused_chunk", faults.refusedChunks),
            ("inconsistency", faults.inconsistencies),
        ] {
            add(ServerMetrics.faults, count, model + [MetricLabel("kind", kind)])
        }
    }

    // MARK: Models

    mutating func add(_ models: ModelManager) {
        let (memory, statuses) = (models.memory, models.statuses)
        add(ServerMetrics.memoryUsed, memory.used)
        add(ServerMetrics.memoryBudget, memory.budget)
        add(ServerMetrics.modelWaiting, models.waitingCount)
        add(ServerMetrics.modelsLoaded, statuses.count { $0.backend != nil })
        for status in statuses {
            for (kind, bytes) in [
                ("weights", status.memory.weights), ("kv", status.memory.cache), ("compute", status.memory.compute),
                ("grammars", status.memory.grammars),
            ] {
                add(ServerMetrics.modelMemory, bytes, [MetricLabel("model", status.id), MetricLabel("kind", kind)])
            }
            for (device, bytes) in status.memory.devices.sorted(by: { $0.key < $1.key }) {
                add(ServerMetrics.deviceMemory, bytes, [MetricLabel("model", status.id), MetricLabel("device", device)])
            }
            if let backend = status.backend { add(backend.engine.statistics, ofModel: status.id) }
        }
        for (id, counts) in models.loadCounts.sorted(by: { $0.key < $1.key }).prefix(Self.mostModels) {
            let model = [MetricLabel("model", id)]
            add(ServerMetrics.loads, counts.loads, model)
            add(ServerMetrics.loadFailures, counts.failures, model)
            add(ServerMetrics.loadSeconds, counts.seconds, model)
            add(ServerMetrics.unloads, counts.unloads, model)
        }
    }

    /// The max number of models with series of their loads.
    private static let mostModels = 1000

    // MARK: Upstreams

    mutating func add(_ upstreams: [UpstreamStatus]) {
        for upstream in upstreams {
            let name = [MetricLabel("upstream", upstream.name)]
            add(ServerMetrics.upstreamRequests, upstream.requests, name)
            add(ServerMetrics.upstreamFailures, upstream.failures, name)
            add(ServerMetrics.upstreamFailovers, upstream.failovers, name)
            add(ServerMetrics.upstreamRunning, upstream.running, name)
            add(ServerMetrics.upstreamHealthy, upstream.isHealthy == true ? 1 : 0, name)
        }
    }

    // MARK: The server

    mutating func add(_ use: ServerUse) {
        let numbers = use.numbers
        // The request for the metrics counts, too.
        add(ServerMetrics.requestsInFlight, numbers.requests)
        add(ServerMetrics.connections, numbers.connections)
        add(ServerMetrics.connectionsRefused, numbers.refusedConnections)
        add(ServerMetrics.bodyBytes, numbers.bodyBytes)
        add(ServerMetrics.processFileLimit, use.limits.openFiles)
    }

    mutating func add(storageBytes: Int?, limit: Int) {
        add(ServerMetrics.storageBytes, storageBytes)
        add(ServerMetrics.storageLimit, limit)
    }

    mutating func add(_ process: ProcessFigures, version: String) {
        add(ServerMetrics.processCPU, process.processorSeconds)
        add(ServerMetrics.processMemory, process.residentBytes)
        add(ServerMetrics.processFiles, process.openFiles)
        add(ServerMetrics.processStart, ProcessFigures.started)
        add(ServerMetrics.build, 1, [MetricLabel("version", version)])
    }
}
