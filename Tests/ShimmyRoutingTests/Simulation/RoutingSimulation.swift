/// A fleet of replicas and agents that send requests to it, each as soon as its last one is answered and it has thought about the answer.
struct RoutingSimulation {
    struct Result: CustomStringConvertible {
        var requests = 0
        var promptTokens = 0
        var cachedTokens = 0
        /// The work of each replica: its computed tokens.
        var work: [Int] = []
        /// The mean of the max of requests in flight at a replica, divided by the mean.
        var peak = 0.0
        var seconds = 0.0

        var hitRate: Double { Double(cachedTokens) / Double(max(1, promptTokens)) }
        /// The work of the replica with the most work, divided by the mean.
        var imbalance: Double { Double((work.max() ?? 0) * work.count) / Double(max(1, work.reduce(0, +))) }

        var description: String {
            "hit rate \(percent(hitRate)), work max/mean \(rounded(imbalance)), in flight max/mean \(rounded(peak)), "
                + "\(rounded(Double(requests) / seconds)) requests/s"
        }

        private func percent(_ value: Double) -> String { "\(rounded(value * 100)) %" }
        private func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
    }

    var replicas = 8
    var agents = 1000
    var systems = 20
    /// The tokens in the cache of each replica.
    var capacity = 3_000_000
    var requests = 40_000
    var seed: UInt64 = 1

    /// Runs the simulation with a policy.
    ///
    /// - isGiant: whether one replica with the caches and the speed of all serves the requests.
    func run(_ policy: inout some SimulatedPolicy, isGiant: Bool = false) -> Result {
        let count = isGiant ? 1 : replicas
        let scale = replicas / count
        var fleet = Array(repeating: SimulatedReplica(capacity: capacity * scale, speed: Double(scale)), count: count)
        var agents = SimulatedAgents(count: self.agents, systems: systems, seed: seed)
        var events = EventQueue()
        var result = Result()
        for agent in 0..<self.agents { events.add(agents.pause(), .turn(agent)) }
        while let (now, event) = events.next() {
            switch event {
            case .turn(let agent):
                guard result.requests < requests else { continue }
                let turn = agents.next(agent)
                let chosen = policy.choose(turn, inFlight: { fleet[$0].inFlight }, at: now)
                let (cached, first, end) = fleet[chosen].serve(turn, at: now)
                result.requests += 1
                result.promptTokens += turn.promptTokens
                result.cachedTokens += cached
                events.add(first, .first(turn))
                events.add(end, .end(turn, chosen))
                if result.requests.isMultiple(of: 64) { result.peak += Self.peak(fleet) }
            case .first(let turn):
                policy.answer(turn, at: now)
            case .end(let turn, let replica):
                fleet[replica].end()
                policy.end(turn, at: now)
                events.add(now + agents.pause(), .turn(turn.agent))
                result.seconds = now
            }
        }
        result.work = fleet.map(\.computed)
        result.peak /= Double(max(1, result.requests / 64))
        return result
    }

    private static func peak(_ fleet: [SimulatedReplica]) -> Double {
        let counts = fleet.map(\.inFlight)
        return Double(counts.max()! * counts.count) / Double(max(1, counts.reduce(0, +)))
    }
}

/// The next events of a simulation, as a heap.
private struct EventQueue {
    enum Event {
        case turn(Int)
        case first(SimulatedTurn)
        case end(SimulatedTurn, Int)
    }

    private var heap: [(time: Double, order: Int, event: Event)] = []
    private var order = 0

    mutating func add(_ time: Double, _ event: Event) {
        order += 1
        heap.append((time, order, event))
        var child = heap.count - 1
        while child > 0, precedes(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (Double, Event)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return (first.time, first.event) }
        heap[0] = last
        var parent = 0
        while 2 * parent + 1 < heap.count {
            var child = 2 * parent + 1
            if child + 1 < heap.count, precedes(child + 1, child) { child += 1 }
            guard precedes(child, parent) else { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return (first.time, first.event)
    }

    private func precedes(_ a: Int, _ b: Int) -> Bool { (heap[a].time, heap[a].order) < (heap[b].time, heap[b].order) }
}
