import Logging
import ShimmyChat
import ShimmyEngine
import ShimmyIsolation
import Testing

@Suite struct EngineSupervisorTests {
    private let children = ScriptedChildren()

    private func supervisor(_ change: (inout EngineSupervision.Terms) -> Void = { _ in }) -> EngineSupervisor {
        var terms = EngineSupervision.Terms()
        change(&terms)
        let order = EngineOrder(
            model: "m", path: "/m.gguf", parts: ["/m.gguf"], kind: "model", sizeBytes: 1, modified: 1, streamGap: 0.1, queue: 8, memoryBudget: 1)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return EngineSupervisor(order, terms: terms, logger: logger, now: { 0 }, launcher: children.launcher)
    }

    private static let facts = EngineFacts(
        Backend(
            contextLength: 512, fingerprint: "fp_1", tokenizer: NoTokenizer(), engine: NoEngine(), shutdown: {}),
        MemoryUse(weights: 5, cache: 6, compute: 7))

    /// Returns a supervisor whose process runs, with that process.
    private func started(_ change: (inout EngineSupervision.Terms) -> Void = { _ in }) async throws -> (EngineSupervisor, ScriptedChildren.Child) {
        let supervisor = supervisor(change)
        let start = Task { try await supervisor.start { _ in true } }
        let child = await children.child(1)
        child.tell(.report(.ready(Self.facts)))
        let facts = try await start.value
        #expect(facts.memory == MemoryUse(weights: 5, cache: 6, compute: 7))
        return (supervisor, child)
    }

    @Test func eachStartHasItsOwnSocketAndSecret() async throws {
        let (supervisor, first) = try await started()
        let run = try await supervisor.running()
        #expect(run.socket == first.order.socket && run.secret == first.order.secret && run.secret.count == 64)
        first.tell(.ended(.killed(signal: 9)))
        let second = await children.child(2)
        second.tell(.report(.ready(Self.facts)))
        let next = try await supervisor.running()
        #expect(next.socket == second.order.socket && next.secret != run.secret)
        #expect(run.reason?.contains("SIGKILL") == true && next.reason == nil)
        await supervisor.stop()
    }

    @Test func theLastStatisticsAreKeptUntilTheProcessEnds() async throws {
        let (supervisor, first) = try await started()
        #expect(supervisor.statistics == nil)
        var statistics = EngineStatistics()
        for running in [1, 2] {
            statistics.running = running
            first.tell(.report(.statistics(statistics)))
        }
        #expect(supervisor.statistics?.running == 2 && supervisor.statistics?.age == 0)
        first.tell(.ended(.killed(signal: 9)))
        #expect(supervisor.statistics == nil)
        let second = await children.child(2)
        second.tell(.report(.ready(Self.facts)))
        // A late report of the first process is not one of the second.
        first.tell(.report(.statistics(statistics)))
        #expect(supervisor.statistics == nil)
        await supervisor.stop()
    }

    @Test func aRequestWaitsForTheStartAfterACrash() async throws {
        let (supervisor, first) = try await started()
        first.tell(.ended(.killed(signal: 6)))
        let request = Task { try await supervisor.running() }
        let second = await children.child(2)
        second.tell(.report(.ready(Self.facts)))
        let run = try await request.value
        #expect(run.socket == second.order.socket)
        await supervisor.stop()
    }

    @Test func theReasonOfTheProcessItselfComesFirst() async throws {
        let supervisor = supervisor()
        let start = Task { try await supervisor.start { _ in true } }
        let child = await children.child(1)
        child.tell(.report(.failed("the file is damaged")))
        child.tell(.ended(.exited(status: 4)))
        await #expect(throws: EngineProcessFailure("m", .ended("the file is damaged"))) { try await start.value }
        #expect(supervisor.isStopped)
        await #expect(throws: CancellationError.self) { try await supervisor.running() }
        #expect(children.count == 1)
    }

    @Test func requestsAreRefusedBetweenStartsThatAreFarApart() async throws {
        let (supervisor, first) = try await started { ($0.firstDelay, $0.longestDelay) = (1_000, 1_000) }
        first.tell(.ended(.killed(signal: 6)))
        let second = await children.child(2)
        let waiting = Task { try await supervisor.running() }
        second.tell(.ended(.killed(signal: 11)))
        let reason = "killed by signal 11 (SIGSEGV)"
        await #expect(throws: EngineProcessFailure("m", .restarting(reason, retryAfter: 1_000))) { try await waiting.value }
        await #expect(throws: EngineProcessFailure("m", .restarting(reason, retryAfter: 1_000))) { try await supervisor.running() }
        await supervisor.stop()
    }

    @Test func aLoadThatIsNotWantedIsStopped() async throws {
        let supervisor = supervisor()
        let start = Task { try await supervisor.start { $0 < 0.5 } }
        let child = await children.child(1)
        child.tell(.report(.progress(0.2)))
        child.tell(.report(.progress(0.6)))
        await #expect(throws: CancellationError.self) { try await start.value }
        #expect(supervisor.isStopped)
    }

    @Test func aCancelledRequestDoesNotWait() async throws {
        let (supervisor, first) = try await started()
        first.tell(.ended(.killed(signal: 6)))
        _ = await children.child(2)
        let request = Task { try await supervisor.running() }
        request.cancel()
        await #expect(throws: CancellationError.self) { try await request.value }
        await supervisor.stop()
    }
}

private struct NoTokenizer: TokenizerAccess {
    var facts: TokenizerFacts { TokenizerFacts(beginning: nil, end: "</s>", template: "{{ messages }}") }

    func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) async throws -> [Int32] { [] }
    func pieces(of tokens: [Int32]) async throws -> [[UInt8]?] { [] }
}

private struct NoEngine: EngineInspection {
    var statistics: EngineStatistics { EngineStatistics() }
}
