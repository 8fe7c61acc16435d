import ShimmyRouting
import Testing

/// A router with a pool of replicas, for tests.
final class RoutedFleet {
    var router: Router
    let ids: [ReplicaID]
    let pool: Router.PoolID
    let start = ContinuousClock.now

    init(_ replicas: [ReplicaTerms], terms: RoutingTerms = RoutingTerms()) {
        var router = Router(terms: terms)
        let ids = replicas.map { router.add($0) }
        pool = router.makePool(of: ids, at: start)
        self.ids = ids
        self.router = router
    }

    convenience init(_ names: String...) { self.init(names.map { ReplicaTerms(name: $0) }) }

    /// Returns a request whose prompt repeats a text.
    static func request(_ text: String, chunks: Int = 8) -> RoutedRequest {
        let bytes = Array(text.utf8)
        let prompt = (0..<chunks * 512).map { bytes[$0 % bytes.count] }
        return RoutedRequest(chunks: PromptChunks([prompt], seed: 1), answerTokens: 100)
    }

    func candidates(_ request: RoutedRequest = request("hello"), in other: Router.PoolID? = nil, after time: Duration = .zero) -> [Candidate] {
        router.route(request, in: other ?? pool, at: start + time).candidates
    }

    func names(_ request: RoutedRequest = request("hello"), after time: Duration = .zero) -> [String] {
        candidates(request, after: time).map(\.name)
    }

    func refusals(after time: Duration = .zero) -> [Refusal.Reason] { router.refusals(in: pool, at: start + time).map(\.reason) }

    func begin(_ request: RoutedRequest = request("hello"), at candidate: Candidate, after time: Duration = .zero) -> Flight? {
        router.started(request, at: candidate, start + time)
    }

    /// Starts a request at its best candidate.
    func send(_ request: RoutedRequest = request("hello"), after time: Duration = .zero) throws -> Flight {
        let candidate = try #require(candidates(request, after: time).first)
        return try #require(begin(request, at: candidate, after: time))
    }

    func end(_ flight: Flight, _ outcome: FlightOutcome = .succeeded, random: Double = 0, after time: Duration = .zero) {
        router.finished(flight, outcome, random: random, at: start + time)
    }
}
