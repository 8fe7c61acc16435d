import ShimmyRouting
import ShimmyTestSupport

/// A way to choose replicas, to compare the router with.
protocol SimulatedPolicy {
    /// Returns the replica for a request, whose start is then noted.
    mutating func choose(_ turn: SimulatedTurn, inFlight: (Int) -> Int, at now: Double) -> Int
    /// Notes the first token of an answer.
    mutating func answer(_ turn: SimulatedTurn, at now: Double)
    mutating func end(_ turn: SimulatedTurn, at now: Double)
}

extension SimulatedPolicy {
    mutating func answer(_ turn: SimulatedTurn, at now: Double) {}
    mutating func end(_ turn: SimulatedTurn, at now: Double) {}
}

struct RoundRobin: SimulatedPolicy {
    let count: Int
    private var next = 0

    init(count: Int) { self.count = count }

    mutating func choose(_ turn: SimulatedTurn, inFlight: (Int) -> Int, at now: Double) -> Int {
        next = (next + 1) % count
        return next
    }
}

struct LeastLoaded: SimulatedPolicy {
    let count: Int

    mutating func choose(_ turn: SimulatedTurn, inFlight: (Int) -> Int, at now: Double) -> Int {
        (0..<count).min { inFlight($0) < inFlight($1) }!
    }
}

/// Consistent hashing of the beginning of a conversation: its system prompt, or also its first message.
struct ConsistentHashing: SimulatedPolicy {
    enum Key { case system, conversation }

    private let key: Key
    private let points: [(hash: UInt64, replica: Int)]

    init(count: Int, by key: Key) {
        self.key = key
        var generator = SeededGenerator(seed: 99)
        points = (0..<count * 128).map { (generator.next(), $0 % count) }.sorted { $0.0 < $1.0 }
    }

    mutating func choose(_ turn: SimulatedTurn, inFlight: (Int) -> Int, at now: Double) -> Int {
        var generator = SeededGenerator(seed: UInt64(key == .system ? turn.system : turn.conversation))
        let hash = generator.next()
        var (low, high) = (0, points.count)
        while low < high {
            let middle = (low + high) / 2
            if points[middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        return points[low % points.count].replica
    }
}

/// The router, with the time that it takes.
struct RouterPolicy: SimulatedPolicy {
    private static let start = ContinuousClock.now

    private(set) var router: Router
    private var pool: Router.PoolID
    private var numbers: [ReplicaID: Int] = [:]
    private var flights: [Int: Flight] = [:]
    private(set) var hashing = Duration.zero
    private(set) var routing = Duration.zero
    private(set) var moves = 0
    private var homes: [Int: Int] = [:]

    init(count: Int, terms: RoutingTerms = RoutingTerms()) {
        router = Router(terms: terms)
        for number in 0..<count { numbers[router.add(ReplicaTerms(name: "replica \(number)"))] = number }
        pool = router.makePool(of: numbers.keys, at: Self.start)
    }

    mutating func choose(_ turn: SimulatedTurn, inFlight: (Int) -> Int, at now: Double) -> Int {
        let bytes = SimulatedAgents.bytes(turn)
        let clock = ContinuousClock()
        let began = clock.now
        let request = RoutedRequest(
            chunks: PromptChunks(CollectionOfOne(bytes), seed: 1), promptTokens: turn.promptTokens)
        let hashed = clock.now
        let time = Self.start + .seconds(now)
        let route = router.route(request, in: pool, at: time)
        let flight = router.started(request, at: route.candidates[0], time)
        routing += clock.now - hashed
        hashing += hashed - began
        flights[turn.agent] = flight
        let replica = numbers[route.candidates[0].replica]!
        if let home = homes.updateValue(replica, forKey: turn.conversation), home != replica { moves += 1 }
        return replica
    }

    mutating func answer(_ turn: SimulatedTurn, at now: Double) {
        let clock = ContinuousClock()
        let began = clock.now
        router.answered(&flights[turn.agent]!, at: Self.start + .seconds(now))
        routing += clock.now - began
    }

    mutating func end(_ turn: SimulatedTurn, at now: Double) {
        guard let flight = flights.removeValue(forKey: turn.agent) else { return }
        let clock = ContinuousClock()
        let began = clock.now
        router.finished(flight, .succeeded, random: 0, at: Self.start + .seconds(now))
        routing += clock.now - began
    }
}
