import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyUpstreams
import Testing

/// The choice among upstreams, and their failures.
@Suite struct FleetTests {
    /// Makes a fleet whose upstreams were checked.
    private func fleet(
        _ peers: [ScriptedPeer], queueWait: Duration = .seconds(30), _ change: (inout UpstreamSettings) -> Void = { _ in }
    ) async -> UpstreamFleet {
        let byName = Dictionary(uniqueKeysWithValues: peers.map { ($0.name, $0) })
        let maker = UpstreamMaker(detect: { _ in .shimmy }, make: { settings, _ in byName[settings.name]! })
        let fleet = UpstreamFleet(maker: maker, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, queueWait: queueWait)
        fleet.update(
            peers.map { peer in
                var settings = UpstreamSettings(name: peer.name, url: "http://\(peer.name)")
                settings.healthSeconds = 3600
                change(&settings)
                return settings
            })
        await fleet.firstChecks(within: .seconds(30))
        return fleet
    }

    private static let request = ChatRequest(messages: [ChatMessage(.user, "a")])

    /// Returns the text of an answer and the name of its upstream.
    private func ask(_ fleet: UpstreamFleet, _ id: String = "m", _ terms: ServiceTerms = ServiceTerms()) async throws -> (String, String?) {
        let generator = try #require(fleet.backend(id)?.generator)
        let answer = try await generator.generate(Self.request, terms: terms)
        var text = ""
        while let event = try await answer.nextEvent() {
            if case .delta(_, let delta) = event, case .content(let part, _) = delta { text += part }
        }
        return (text, answer.report.upstream)
    }

    private func failure(_ fleet: UpstreamFleet, _ id: String = "m", _ terms: ServiceTerms = ServiceTerms()) async throws -> UpstreamFailure {
        do {
            _ = try await ask(fleet, id, terms)
        } catch let failure as UpstreamFailure {
            return failure
        }
        Issue.record("the request did not fail")
        return UpstreamFailure("", .unreadable, "")
    }

    // MARK: Ids

    @Test func modelsHaveTheirUpstreamsIDAndTheirOwn() async {
        let fleet = await fleet([ScriptedPeer("a", models: ["m", "n"]), ScriptedPeer("b", models: ["m"])])
        let offers = fleet.catalog.offers
        #expect(offers.map(\.id).sorted() == ["a/m", "a/n", "b/m", "m", "n"])
        #expect(fleet.catalog.offer("m")?.replicas.map(\.upstream) == ["a", "b"])
        #expect(fleet.catalog.offer("b/m")?.replicas.map(\.upstream) == ["b"])
        #expect(offers.allSatisfy { $0.hasShortID == $0.id.contains("/") && $0.contextLength == 100 })
    }

    @Test func settingsChooseAndPrefixModels() async {
        let fleet = await fleet([ScriptedPeer("a", models: ["m", "other"])]) { settings in
            settings.models = ["m*"]
            settings.prefix = "x-"
        }
        #expect(fleet.catalog.offers.map(\.id).sorted() == ["a/m", "x-m"])
        #expect(fleet.catalog.offer("x-m")?.replicas.map(\.model) == ["m"])
    }

    // MARK: Failures

    @Test func anotherReplicaServesWhatOneCannot() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b])
        a.fail(.unreachable, .unreachable, .unreachable, .unreachable)
        for _ in 0..<4 {
            let (text, upstream) = try await ask(fleet)
            #expect(text == "b m" && upstream == "b")
        }
        let status = try #require(fleet.statuses.first)
        #expect(status.failures == a.requests && status.failovers == a.requests && b.requests == 4)
    }

    @Test func noOtherReplicaContinuesAnAnswer() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b])
        a.breakAnswers()
        b.breakAnswers()
        let failure = try await failure(fleet)
        #expect(failure.reason == .interrupted && a.requests + b.requests == 1)
    }

    @Test func aMistakeOfTheClientIsNotRepeated() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b])
        a.fail(.refused(status: 400, param: "x", code: nil))
        b.fail(.refused(status: 400, param: "x", code: nil))
        let failure = try await failure(fleet)
        #expect(failure.reason == .refused(status: 400, param: "x", code: nil) && a.requests + b.requests == 1)
        #expect(fleet.statuses.allSatisfy { $0.failures == 0 })
    }

    @Test func anotherReplicaMaySupportWhatOneDoesNot() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b]) { $0.priority = $0.name == "a" ? 1 : 2 }
        a.fail(.unsupported(field: "grammar"), .unsupported(field: "grammar"))
        let (_, upstream) = try await ask(fleet)
        #expect(upstream == "b")
        b.fail(.unsupported(field: "grammar"))
        let failure = try await failure(fleet)
        #expect(failure.reason == .unsupported(field: "grammar"))
        #expect(fleet.statuses.allSatisfy { $0.failures == 0 })
    }

    @Test func theErrorListsAllReplicas() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b])
        a.fail(.busy(status: 503, retryAfter: 9))
        b.fail(.failed(status: 500))
        let failure = try await failure(fleet)
        guard case .noReplica(let reasons, let retryAfter) = failure.reason else { throw failure }
        #expect(reasons.sorted() == ["a: a is scripted to fail", "b: b is scripted to fail"] && retryAfter == 9 && failure.upstream == "m")
    }

    @Test(arguments: [true, false]) func theErrorListsAllOfManyReplicas(areAsked: Bool) async throws {
        let peers = (0..<50).map { ScriptedPeer("replica-\($0)") }
        let fleet = await fleet(peers)
        for peer in peers where areAsked { peer.fail(.failed(status: 500), message: String(repeating: "long ", count: 400)) }
        for peer in peers where !areAsked { peer.failChecks() }
        if !areAsked { for _ in 0..<2 { await fleet.refresh() } }
        let failure = try await failure(fleet)
        guard case .noReplica(let reasons, _) = failure.reason else { throw failure }
        let names = reasons.map { String($0.prefix { $0 != ":" }) }
        #expect(names.sorted() == peers.map(\.name).sorted() && failure.message.unicodeScalars.count <= 2_001)
        #expect(areAsked || reasons.allSatisfy { $0.hasSuffix("is down") })
    }

    @Test func aFullQueueListsItsReplicas() async throws {
        let fleet = await fleet([ScriptedPeer("a")]) { $0.maxConcurrency = 1 }
        let backend = try #require(fleet.backend("m"))
        let generator = try #require(backend.generator)
        let first = try await generator.generate(Self.request, terms: ServiceTerms())
        let others = (0..<UpstreamFleet.longestQueue).map { _ in Task { try await ask(fleet).0 } }
        while backend.engine.statistics.waiting < UpstreamFleet.longestQueue { await Task.yield() }
        let failure = try await failure(fleet)
        guard case .noReplica(let reasons, let retryAfter) = failure.reason else { throw failure }
        #expect(reasons.count == 2 && reasons[0].contains("is full (256)") && reasons[1] == "a: it is at its limit of 1 requests")
        #expect(retryAfter == 1)
        for other in others { other.cancel() }
        for other in others { await #expect(throws: CancellationError.self) { try await other.value } }
        withExtendedLifetime(first) {}
    }

    @Test func theOnlyReplicaHasItsOwnError() async throws {
        let a = ScriptedPeer("a")
        let fleet = await fleet([a])
        a.fail(.timedOut)
        let failure = try await failure(fleet)
        #expect(failure.reason == .timedOut && failure.upstream == "a")
    }

    @Test func anUpstreamThatFailsItsCheckGetsNoRequests() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b])
        a.failChecks()
        // The first failure alone says too little.
        for _ in 0..<2 { await fleet.refresh() }
        #expect(fleet.statuses.map(\.isHealthy) == [false, true])
        for _ in 0..<3 {
            let (_, upstream) = try await ask(fleet)
            #expect(upstream == "b")
        }
        let failure = try await failure(fleet, "a/m")
        #expect(failure.reason == .noReplica(["a: a is down"], retryAfter: nil) && a.requests == 0)
    }

    @Test func aFailedCheckAloneRefusesNothing() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b])
        a.failHealth()
        await fleet.refresh()
        #expect(fleet.statuses.map(\.isHealthy) == [false, true])
        // The other replica comes first, and the only replica of another model still serves.
        let (_, other) = try await ask(fleet)
        let (_, only) = try await ask(fleet, "a/m")
        #expect(other == "b" && only == "a")
        await fleet.refresh()
        let failure = try await failure(fleet, "a/m")
        #expect(failure.reason == .noReplica(["a: a is not healthy"], retryAfter: nil))
    }

    @Test func anUpstreamThatAnswersItsCheckWithAnErrorIsTheLastResort() async throws {
        let a = ScriptedPeer("a")
        let fleet = await fleet([a])
        a.failHealth(.failed(status: 500))
        for _ in 0..<3 { await fleet.refresh() }
        let (_, upstream) = try await ask(fleet)
        #expect(upstream == "a" && fleet.statuses.first?.isHealthy == false)
    }

    @Test func aReplicaWithoutTheModelIsNotTheLast() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b]) { $0.priority = $0.name == "a" ? 1 : 2 }
        let absent = UpstreamFailure.Reason.refused(status: 404, param: "model", code: "model_not_found")
        a.fail(absent, absent)
        let (_, upstream) = try await ask(fleet)
        #expect(upstream == "b" && fleet.statuses.allSatisfy { $0.failures == 0 })
        b.fail(absent)
        let failure = try await failure(fleet)
        #expect(failure.reason == absent && failure.upstream == "a")
    }

    @Test func aListOfModelsAloneMakesNoUpstreamHealthy() async {
        let a = ScriptedPeer("a")
        a.failHealth()
        let fleet = await fleet([a])
        for _ in 0..<3 {
            #expect(fleet.statuses.map(\.isHealthy) == [false])
            await fleet.refresh()
        }
    }

    @Test func aModelHasTheRolesOfItsUpstream() async throws {
        let fleet = await fleet([ScriptedPeer("a")])
        let backend = try #require(fleet.backend("m"))
        #expect(backend.roles == [.chat] && backend.contextLength == 100 && backend.knownContextLength == 100)
        #expect(fleet.backend("gone")?.fingerprint == nil)
    }

    // MARK: Priorities and limits

    @Test func lowerPrioritiesComeFirst() async throws {
        let (cloud, own) = (ScriptedPeer("cloud"), ScriptedPeer("own"))
        let fleet = await fleet([cloud, own]) { settings in
            settings.priority = settings.name == "own" ? 1 : 2
            settings.maxConcurrency = 1
        }
        let generator = try #require(fleet.backend("m")?.generator)
        let first = try await generator.generate(Self.request, terms: ServiceTerms())
        let second = try await generator.generate(Self.request, terms: ServiceTerms())
        #expect(first.report.upstream == "own" && second.report.upstream == "cloud")
        #expect(fleet.statuses.map(\.running) == [1, 1])
        withExtendedLifetime((first, second)) {}
    }

    @Test func aFullUpstreamMakesRequestsWait() async throws {
        let fleet = await fleet([ScriptedPeer("a")]) { $0.maxConcurrency = 1 }
        let backend = try #require(fleet.backend("m"))
        let generator = try #require(backend.generator)
        let first = try await generator.generate(Self.request, terms: ServiceTerms())
        let second = Task { try await ask(fleet).0 }
        while backend.engine.statistics.waiting == 0 { await Task.yield() }
        #expect(fleet.statuses.first?.running == 1)
        while try await first.nextEvent() != nil {}
        let text = try await second.value
        #expect(text == "a m" && backend.engine.statistics.waiting == 0)
    }

    @Test func aRequestThatWaitsForTheOtherReplicaHoldsUpNobody() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b]) { if $0.name == "b" { $0.maxConcurrency = 1 } }
        let generator = try #require(fleet.backend("b/m")?.generator)
        let first = try await generator.generate(Self.request, terms: ServiceTerms())
        a.fail(.failed(status: 500))
        let second = Task { try await ask(fleet) }
        let engine = try #require(fleet.backend("m")?.engine)
        while engine.statistics.waiting == 0 { await Task.yield() }
        let third = try await ask(fleet)
        #expect(third.1 == "a" && engine.statistics.waiting == 1)
        while try await first.nextEvent() != nil {}
        let last = try await second.value
        #expect(last.1 == "b")
    }

    @Test func aWaitHasAnEnd() async throws {
        let fleet = await fleet([ScriptedPeer("a")], queueWait: .milliseconds(5)) { $0.maxConcurrency = 1 }
        let generator = try #require(fleet.backend("m")?.generator)
        let first = try await generator.generate(Self.request, terms: ServiceTerms())
        let failure = try await failure(fleet)
        #expect(failure.reason == .noReplica(["a: it is at its limit of 1 requests"], retryAfter: 1))
        withExtendedLifetime(first) {}
    }

    @Test func aCancelledRequestLeavesTheQueue() async throws {
        let fleet = await fleet([ScriptedPeer("a")]) { $0.maxConcurrency = 1 }
        let backend = try #require(fleet.backend("m"))
        let generator = try #require(backend.generator)
        let first = try await generator.generate(Self.request, terms: ServiceTerms())
        let second = Task { try await ask(fleet).0 }
        while backend.engine.statistics.waiting == 0 { await Task.yield() }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        #expect(backend.engine.statistics.waiting == 0)
        withExtendedLifetime(first) {}
    }

    @Test func aDroppedAnswerFreesItsPlace() async throws {
        let fleet = await fleet([ScriptedPeer("a")]) { $0.maxConcurrency = 1 }
        let generator = try #require(fleet.backend("m")?.generator)
        for _ in 0..<3 { _ = try await generator.generate(Self.request, terms: ServiceTerms()) }
        #expect(fleet.statuses.first?.running == 0)
    }

    @Test func aNumberOfTokensIsReducedToTheContext() async throws {
        let a = ScriptedPeer("a")
        let fleet = await fleet([a])
        let generator = try #require(fleet.backend("m")?.generator)
        var request = Self.request
        request.maximumTokens = 1000
        _ = try await generator.generate(request, terms: ServiceTerms())
        #expect(a.maximumTokens == 1000)
        request.clampsMaximumTokens = true
        let fitted = try await generator.generate(request, terms: ServiceTerms())
        #expect(a.maximumTokens == 99 && fitted.report.clampedTokens == 99)
        // Without a count of the prompt, the upstream's own limit decides.
        a.fail(.unsupported(field: "messages"))
        a.fail(.refused(status: 400, param: "max_tokens", code: nil), message: "max_tokens is too large: 1000. The model supports at most 40.")
        let limited = try await generator.generate(request, terms: ServiceTerms())
        #expect(a.maximumTokens == 40 && limited.report.clampedTokens == 40)
    }

    // MARK: Settings and context

    @Test func unchangedUpstreamsKeepTheirState() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b])
        _ = try await ask(fleet, "a/m")
        var kept = UpstreamSettings(name: "a", url: "http://a")
        kept.healthSeconds = 3600
        fleet.update([kept])
        #expect(fleet.statuses.map(\.name) == ["a"] && fleet.statuses.first?.requests == 1)
        #expect(fleet.catalog.offers.map(\.id).sorted() == ["a/m", "m"])
        kept.weight = 2
        fleet.update([kept])
        #expect(fleet.statuses.first?.requests == 1 && fleet.statuses.first?.weight == 2)
        let (_, upstream) = try await ask(fleet)
        #expect(upstream == "a")
    }

    @Test func theUpstreamLearnsUserAndHops() async throws {
        let a = ScriptedPeer("a")
        let fleet = await fleet([a])
        var terms = ServiceTerms()
        (terms.user, terms.requestID) = ("ann", "req_1")
        terms.hops = HopTrail(header: "one")
        _ = try await ask(fleet, "m", terms)
        #expect(a.contexts == [UpstreamContext(user: "ann", hops: "one,\(HopTrail.ownID)", requestID: "req_1")])
    }

    @Test(arguments: ["x, \(HopTrail.ownID)", "1,2,3,4,5,6,7,8", "1,2,3,4,5,6,7,8,9"])
    func aLoopEnds(header: String) async throws {
        let a = ScriptedPeer("a")
        let fleet = await fleet([a])
        var terms = ServiceTerms()
        terms.hops = HopTrail(header: header)
        let failure = try await failure(fleet, "m", terms)
        #expect(failure.reason == .loop && a.requests == 0)
    }

    @Test func promptsAndTokensAlsoHaveHops() async throws {
        let a = ScriptedPeer("a")
        let fleet = await fleet([a])
        let backend = try #require(fleet.backend("m"))
        let generator = try #require(backend.generator)
        let tokenizer = backend.tokenizer
        let conversation = Self.request.conversation
        try await HopTrail.with(HopTrail(header: "one")) {
            _ = try await generator.prepare(conversation)
            _ = try await tokenizer.tokenize("a", addSpecial: true, parseSpecial: true)
        }
        #expect(a.contexts.map(\.hops) == ["one,\(HopTrail.ownID)", "one,\(HopTrail.ownID)"])
        await #expect(throws: UpstreamFailure.self) {
            try await HopTrail.with(HopTrail(header: HopTrail.ownID)) { _ = try await generator.prepare(conversation) }
        }
        #expect(a.requests == 2)
    }

    @Test func aLoopThatTheUpstreamFindsIsOne() async throws {
        let (a, b) = (ScriptedPeer("a"), ScriptedPeer("b"))
        let fleet = await fleet([a, b])
        a.fail(.failed(status: 508))
        b.fail(.failed(status: 508))
        let failure = try await failure(fleet)
        #expect(failure.reason == .loop && a.requests + b.requests == 1)
    }
}
