import Logging
import ShimmyChat
import ShimmyCore
import ShimmyUpstreams
import Testing

/// What a fleet says about its models and their answers.
@Suite struct FleetFactsTests {
    private static let request = ChatRequest(messages: [ChatMessage(.user, "a")])

    /// Makes a fleet whose upstreams were checked.
    private func fleet(_ peers: [ScriptedPeer]) async -> UpstreamFleet {
        let byName = Dictionary(uniqueKeysWithValues: peers.map { ($0.name, $0) })
        let maker = UpstreamMaker(detect: { _ in .shimmy }, make: { settings, _ in byName[settings.name]! })
        let fleet = UpstreamFleet(maker: maker, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        fleet.update(
            peers.map { peer in
                var settings = UpstreamSettings(name: peer.name, url: "http://\(peer.name)")
                settings.healthSeconds = 3600
                return settings
            })
        await fleet.firstChecks(within: .seconds(30))
        return fleet
    }

    @Test func anAnswerHasTheFingerprintOfItsReplica() async throws {
        let fleet = await fleet([ScriptedPeer("a"), ScriptedPeer("b")])
        var found: [String: String] = [:]
        for _ in 0..<2 {
            for name in ["a", "b"] {
                let generator = try #require(fleet.backend("\(name)/m")?.generator)
                let answer = try await generator.generate(Self.request, terms: ServiceTerms())
                let fingerprint = try #require(answer.report.fingerprint)
                #expect(fingerprint.hasPrefix("fp_") && fingerprint.dropFirst(3).allSatisfy { "0123456789abcdef".contains($0) })
                #expect(found[name] == nil || found[name] == fingerprint)
                found[name] = fingerprint
            }
        }
        #expect(found["a"] != found["b"] && fleet.backend("m")?.fingerprint.hasPrefix("fp_") == true)
    }

    @Test func aModelKeepsItsTime() async throws {
        var (dated, other) = (UpstreamModel(id: "m"), UpstreamModel(id: "n"))
        dated.created = 1_700_000_000
        let a = ScriptedPeer("a", offering: [dated, other])
        let before = UnixTime.now
        let fleet = await fleet([a])
        #expect(fleet.catalog.offer("m")?.created == 1_700_000_000)
        let seen = try #require(fleet.catalog.offer("n")?.created)
        #expect(seen >= before && seen <= UnixTime.now)
        // Some servers give the time of the list.
        (dated.created, other.created) = (1_800_000_000, 1_800_000_000)
        a.offer([dated, other])
        await fleet.refresh()
        #expect(fleet.catalog.offer("m")?.created == 1_700_000_000 && fleet.catalog.offer("n")?.created == seen)
    }

    @Test func fieldsForReasoningAreReportedForAModelWithoutIt() async throws {
        for (reasons, reported) in [(false, ["thinking"]), (true, []), (nil, [])] as [(Bool?, [String])] {
            var model = UpstreamModel(id: "m")
            model.reasons = reasons
            let fleet = await fleet([ScriptedPeer("a", offering: [model])])
            let generator = try #require(fleet.backend("m")?.generator)
            var request = Self.request
            request.conversation.reasoningFields = ["thinking"]
            let answer = try await generator.generate(request, terms: ServiceTerms())
            #expect(answer.report.withoutEffect == reported)
        }
    }
}
