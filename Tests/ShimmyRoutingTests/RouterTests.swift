import ShimmyRouting
import ShimmyTestSupport
import Testing

@Suite struct RouterTests {
    @Test func aContinuedConversationReturnsToItsReplica() throws {
        let fleet = RoutedFleet("a", "b", "c")
        let home = try fleet.send(RoutedFleet.request("hello", chunks: 4))
        fleet.end(home)
        let next = fleet.candidates(RoutedFleet.request("hello", chunks: 6))
        // The byte after the first prompt's last part differs, but it is in a later chunk.
        #expect(next[0].replica == home.replica && next[0].reason == .prefix && next[0].cachedTokens > 500)
        #expect(next.count == 3 && Set(next.map(\.name)).count == 3)
        let other = fleet.candidates(RoutedFleet.request("another"))
        #expect(other[0].replica != home.replica && other[0].reason == .load && other[0].cachedTokens == 0)
    }

    @Test func aSmallSharedPrefixBringsNoRequest() throws {
        let fleet = RoutedFleet("a", "b")
        let home = try fleet.send(RoutedFleet.request("hello", chunks: 4))
        fleet.end(home)
        let longer = fleet.candidates(RoutedFleet.request("hello", chunks: 20))
        #expect(longer[0].replica != home.replica)
        // The estimate of the cached tokens counts it nevertheless.
        #expect(longer[1].replica == home.replica && longer[1].cachedTokens > 500)
    }

    @Test func anOverloadedReplicaLosesItsConversations() throws {
        let fleet = RoutedFleet("a", "b")
        let home = fleet.candidates()[0]
        var count = 0
        while fleet.candidates()[0].replica == home.replica, count < 1000 {
            _ = try fleet.send()
            count += 1
        }
        #expect(count > 5 && count < 100)
        let state = try #require(fleet.router.replica(home.replica))
        #expect(state.tokensInFlight + state.requestsInFlight * fleet.router.terms.tokensPerRequest > fleet.router.terms.absoluteLoad)
    }

    @Test func aConversationMovesOnlyIfThatPaysOff() throws {
        let fleet = RoutedFleet("a", "b")
        let long = RoutedFleet.request("a long conversation", chunks: 200)
        let home = try fleet.send(long)
        fleet.end(home)
        // The load is above both limits, but the other replica would have to compute 25,000 tokens.
        let candidate = try #require(fleet.candidates().first { $0.replica == home.replica })
        for _ in 0..<10 { _ = fleet.begin(at: candidate) }
        let state = try #require(fleet.router.replica(home.replica))
        #expect(state.requestsInFlight == 10 && state.tokensInFlight > fleet.router.terms.absoluteLoad)
        #expect(fleet.candidates(long)[0].replica == home.replica)
        #expect(fleet.candidates()[0].replica != home.replica)
    }

    @Test func loadFollowsWeights() throws {
        let fleet = RoutedFleet([ReplicaTerms(name: "a", weight: 3), ReplicaTerms(name: "b")])
        for number in 0..<80 { _ = try fleet.send(RoutedFleet.request("\(number) is the number of a conversation")) }
        #expect(fleet.router.replica(fleet.ids[0])?.requestsInFlight == 60)
    }

    @Test func equalReplicasTakeTurns() throws {
        let fleet = RoutedFleet("a", "b", "c")
        var order: [ReplicaID] = []
        for _ in 0..<6 {
            let flight = try fleet.send(RoutedRequest(chunks: PromptChunks(rendered: "short", seed: 1)))
            fleet.end(flight)
            order.append(flight.replica)
        }
        #expect(order == fleet.ids + fleet.ids)
    }

    @Test func lowerPrioritiesServeTheOverflow() throws {
        let fleet = RoutedFleet([
            ReplicaTerms(name: "local", priority: 1, maxConcurrency: 2), ReplicaTerms(name: "cloud", priority: 0, maxConcurrency: 1),
        ])
        #expect(fleet.names() == ["local", "cloud"])
        var flights: [Flight] = []
        for _ in 0..<3 { flights.append(try fleet.send()) }
        #expect(flights.map(\.replica) == [fleet.ids[0], fleet.ids[0], fleet.ids[1]])
        #expect(fleet.names().isEmpty)
        #expect(fleet.refusals() == [.full(2), .full(1)])
        fleet.end(flights[0])
        #expect(fleet.names() == ["local"])
        fleet.router.setHealth(.unhealthy("connection refused"), of: fleet.ids[0], at: fleet.start)
        fleet.end(flights[2])
        #expect(fleet.names() == ["cloud"])
        #expect(fleet.refusals() == [.unhealthy("connection refused")])
    }

    @Test func aSuspectReplicaServesWhileThereIsNoOther() throws {
        let fleet = RoutedFleet("a", "b")
        fleet.router.setHealth(.suspect("slow"), of: fleet.ids[0], at: fleet.start)
        #expect(fleet.names() == ["b"] && fleet.refusals() == [.suspect("slow")])
        fleet.router.setHealth(.unhealthy("down"), of: fleet.ids[1], at: fleet.start)
        #expect(fleet.names() == ["a"])
        fleet.router.setHealth(.unhealthy("down"), of: fleet.ids[0], at: fleet.start)
        #expect(fleet.names().isEmpty)
    }

    @Test func theFirstByteReducesTheLoad() throws {
        let fleet = RoutedFleet("a")
        var flight = try fleet.send()
        let prompt = RoutedFleet.request("hello").promptTokens
        #expect(fleet.router.replica(fleet.ids[0])?.tokensInFlight == prompt + 100)
        fleet.router.answered(&flight, at: fleet.start)
        fleet.router.answered(&flight, at: fleet.start)
        #expect(fleet.router.replica(fleet.ids[0])?.tokensInFlight == 100)
        fleet.end(flight)
        #expect(fleet.router.replica(fleet.ids[0])?.tokensInFlight == 0)
        #expect(fleet.router.replica(fleet.ids[0])?.requestsInFlight == 0)
    }

    @Test func theFirstByteOfAProbeEndsIt() throws {
        let fleet = RoutedFleet("a")
        let failing = try fleet.send()
        fleet.end(failing, .failed(retryAfter: .seconds(10)))
        var probe = try fleet.send(after: .seconds(10))
        #expect(fleet.refusals(after: .seconds(10)) == [.probing])
        fleet.router.answered(&probe, at: fleet.start + .seconds(11))
        #expect(fleet.refusals(after: .seconds(11)).isEmpty)
    }

    @Test func openReplicasComeBackWithOneProbe() throws {
        let fleet = RoutedFleet("a", "b")
        let failing = try fleet.send()
        fleet.end(failing, .failed(retryAfter: .seconds(10)))
        #expect(fleet.names(after: .seconds(9)) == ["b"])
        let probe = try #require(fleet.candidates(after: .seconds(10)).first { $0.name == "a" })
        let flight = try #require(fleet.begin(at: probe, after: .seconds(10)))
        #expect(fleet.names(after: .seconds(10)) == ["b"])
        #expect(fleet.refusals(after: .seconds(10)) == [.probing])
        fleet.end(flight, after: .seconds(10))
        #expect(fleet.names(after: .seconds(10)).contains("a"))
    }

    @Test func theReplicaThatReopensSoonestIsTheLastResort() throws {
        let fleet = RoutedFleet("a", "b", "c")
        var order: [ReplicaID] = []
        for seconds in [30, 10, 20] {
            let flight = try fleet.send()
            fleet.end(flight, .failed(retryAfter: .seconds(seconds)))
            order.append(flight.replica)
        }
        #expect(Set(order).count == 3)
        let offered = fleet.candidates()
        #expect(offered.map(\.replica) == [order[1]] && offered[0].reason == .lastResort)
        #expect(fleet.refusals().count == 3)
        let flight = try fleet.send()
        fleet.end(flight)
        #expect(fleet.candidates()[0].reason != .lastResort)
    }

    @Test func anOpenReplicaIsNotOfferedForABusyOne() throws {
        let fleet = RoutedFleet([ReplicaTerms(name: "a", maxConcurrency: 1), ReplicaTerms(name: "b", maxConcurrency: 1)])
        let failing = try fleet.send()
        fleet.end(failing, .failed(retryAfter: .seconds(10)))
        _ = try fleet.send()
        #expect(fleet.names().isEmpty)
    }

    @Test func removedReplicasAndPoolsAreGone() throws {
        let fleet = RoutedFleet("a", "b")
        let single = fleet.router.makePool(of: [fleet.ids[0]], at: fleet.start)
        let candidate = fleet.candidates(in: single)[0]
        let flight = try #require(fleet.begin(at: candidate))
        fleet.router.remove(fleet.ids[0])
        #expect(fleet.names() == ["b"])
        #expect(fleet.candidates(in: single).isEmpty)
        #expect(fleet.begin(at: candidate) == nil)
        let next = fleet.router.add(ReplicaTerms(name: "c"))
        fleet.end(flight)
        #expect(fleet.router.replica(next)?.requestsInFlight == 0)
        #expect(fleet.router.replica(fleet.ids[0]) == nil && next != fleet.ids[0])
        fleet.router.removePool(fleet.pool)
        #expect(fleet.candidates().isEmpty)
    }

    @Test func aRestartedReplicaHasNoPrefixes() throws {
        let fleet = RoutedFleet("a")
        _ = try fleet.send()
        #expect(fleet.candidates()[0].cachedTokens > 0)
        fleet.router.forgetPrefixes(of: fleet.ids[0])
        #expect(fleet.candidates()[0].cachedTokens == 0)
    }

    @Test func hostileEstimatesDoNoHarm() throws {
        let fleet = RoutedFleet("a")
        for tokens in [Int.min, -1, 0, .max] {
            let request = RoutedRequest(chunks: PromptChunks(rendered: "", seed: 1), promptTokens: tokens, answerTokens: tokens)
            let flight = try fleet.send(request)
            fleet.end(flight)
        }
        #expect(fleet.router.replica(fleet.ids[0])?.tokensInFlight == 0)
        #expect(ReplicaTerms(name: "b", weight: .nan).weight == 1 && ReplicaTerms(name: "b", weight: -1).weight > 0)
    }

    /// Whatever happens, loads return to zero, limits hold, and there is a candidate if any replica can serve.
    @Test func randomHistoriesKeepTheBooks() throws {
        var generator = SeededGenerator(seed: 11)
        let all = (0..<9).map { ReplicaTerms(name: "\($0)", weight: Double($0 % 3 + 1), priority: $0 % 2, maxConcurrency: $0 % 4 + 1) }
        let fleet = RoutedFleet(all)
        var flights: [Flight] = []
        var time = Duration.zero
        for _ in 0..<5000 {
            time += .milliseconds(Int.random(in: 0...300, using: &generator))
            switch Int.random(in: 0..<10, using: &generator) {
            case 0...4:
                let number = Int.random(in: 0..<20, using: &generator)
                let request = RoutedFleet.request("\(number) is a number", chunks: Int.random(in: 1...6, using: &generator))
                let candidates = fleet.candidates(request, after: time)
                let refused = fleet.refusals(after: time).count
                #expect(refused == 9 ? candidates.allSatisfy { $0.reason == .lastResort } : !candidates.isEmpty)
                #expect(Set(candidates.map(\.replica)).count == candidates.count)
                guard let candidate = candidates.randomElement(using: &generator) else { continue }
                flights.append(try #require(fleet.begin(request, at: candidate, after: time)))
            case 5...8:
                guard let index = flights.indices.randomElement(using: &generator) else { continue }
                let outcomes: [FlightOutcome] = [.succeeded, .abandoned, .failed(retryAfter: nil), .failed(retryAfter: .seconds(3))]
                let random = Double.random(in: 0..<1, using: &generator)
                fleet.end(flights.remove(at: index), outcomes[Int(random * 4)], random: random, after: time)
            default:
                let health: ReplicaHealth = Bool.random(using: &generator) ? .healthy : .unhealthy("down")
                fleet.router.setHealth(health, of: fleet.ids[Int.random(in: 0..<9, using: &generator)], at: fleet.start + time)
            }
            for (id, terms) in zip(fleet.ids, all) { #expect(fleet.router.replica(id)!.requestsInFlight <= terms.maxConcurrency!) }
        }
        for flight in flights { fleet.end(flight, after: time) }
        for id in fleet.ids {
            let state = try #require(fleet.router.replica(id))
            #expect(state.requestsInFlight == 0 && state.tokensInFlight == 0)
        }
    }
}
