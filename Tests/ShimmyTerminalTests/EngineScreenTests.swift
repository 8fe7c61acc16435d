import ShimmyTerminal
import Testing

@Suite struct EngineScreenTests {
    private func sequence(_ id: Int, _ owner: String, _ stage: String, generated: Int = 0) -> EngineSnapshot.Sequence {
        var sequence = EngineSnapshot.Sequence(id: id, owner: owner, stage: stage)
        (sequence.prompt, sequence.cached, sequence.generated) = (100, 50, generated)
        sequence.computed = stage == "waiting" ? 0 : 75
        return sequence
    }

    private func snapshot(time: Double, generated: Int, sequences: [EngineSnapshot.Sequence]) -> EngineSnapshot {
        var model = EngineSnapshot.Model(name: "whale-7b")
        (model.running, model.waiting) = (sequences.count { $0.stage != "waiting" }, sequences.count { $0.stage == "waiting" })
        (model.runningLimit, model.cellsUsed, model.cellsTotal, model.cellsShared) = (2, 256, 1024, 128)
        (model.generated, model.gap, model.memory) = (generated, 0.1, "4.9 GB")
        model.steps = [.init(prefillRows: 32, decodeRows: 2, seconds: 0.05), .init(prefillRows: 0, decodeRows: 2, seconds: 0.1)]
        model.sequences = sequences
        var snapshot = EngineSnapshot(time: time)
        (snapshot.server, snapshot.memory) = ("http://127.0.0.1:11435", "4.9 GB of 20 GB")
        snapshot.models = [model]
        return snapshot
    }

    private func screen(_ snapshots: EngineSnapshot...) -> EngineScreen {
        var screen = EngineScreen()
        for snapshot in snapshots { screen.update(snapshot) }
        return screen
    }

    @Test func beforeTheFirstSnapshotItWaits() { #expect(EngineScreen().rows(width: 80, height: 24) == ["Waiting for the server."]) }

    @Test func theRowsShowWhoRunsAndWaits() {
        let sequences = [sequence(1, "anna", "decode", generated: 10), sequence(2, "10.0.0.7", "prefill"), sequence(3, "anna", "waiting")]
        let rows = screen(snapshot(time: 1, generated: 10, sequences: sequences)).rows(width: 120)
        #expect(rows[0] == "shimmy http://127.0.0.1:11435   2 running, 1 waiting   memory 4.9 GB of 20 GB")
        #expect(rows[2] == "whale-7b   2 of 2 running   1 waiting for a place   4.9 GB")
        #expect(rows[3] == "  cells  ██████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  256 of 1024, sharing saves 128")
        #expect(rows[4].hasSuffix("▅█  75 ms of 100 ms, rows: 2.0 decode, 16.0 prefill"))
        #expect(rows[5] == "  anna      decode   ▓▓▓▓▓▓▓▓████░░░░  100 in   50 cached    10 out")
        #expect(rows[6].hasPrefix("  10.0.0.7  prefill"))
        #expect(rows[7].hasPrefix("  anna      waiting"))
        #expect(rows.count == 8)
    }

    @Test func twoSnapshotsHaveSpeeds() {
        let first = snapshot(time: 1, generated: 10, sequences: [sequence(1, "anna", "decode", generated: 10)])
        let second = snapshot(time: 3, generated: 50, sequences: [sequence(1, "anna", "decode", generated: 40)])
        let rows = screen(first, second).rows(width: 120)
        #expect(rows[0].contains("20.0 tokens/s"))
        #expect(rows[5].hasSuffix("40 out  15.0 tokens/s"))
        // A model that was loaded again counts from 0.
        let again = snapshot(time: 5, generated: 0, sequences: [])
        #expect(!screen(first, second, again).rows(width: 120)[0].contains("tokens/s"))
    }

    @Test func theMedianOfTheFirstTokensIsShown() {
        var one = snapshot(time: 1, generated: 0, sequences: [])
        one.firstTokens = [0.3, 0.061, 2]
        #expect(screen(one).rows(width: 120)[0].contains("first token 300 ms"))
    }

    @Test func modelsThatLoadAndUpstreamsHaveARow() {
        var one = EngineSnapshot(time: 1)
        var model = EngineSnapshot.Model(name: "whale-7b")
        (model.state, model.progress) = ("loading", 0.405)
        one.models = [model]
        one.waiting = 1
        one.upstreams = [.init(name: "basement", isHealthy: true, running: 3), .init(name: "laptop", isHealthy: false, running: 0)]
        let rows = screen(one).rows(width: 120)
        #expect(rows[1] == "1 request waits for a model to load, or for memory")
        #expect(rows[3] == "whale-7b   loading 40 %")
        #expect(rows.suffix(2) == ["upstream basement  healthy  3 running", "upstream laptop  does not answer  0 running"])
        one.models = []
        #expect(screen(one).rows(width: 120).contains("No model is loaded."))
    }

    @Test(arguments: [(20, 5), (40, 10), (60, 24), (80, 24), (200, 60), (2, 1), (1, 2)])
    func theRowsFitEverySize(width: Int, height: Int) {
        let many = (0..<50).map { sequence($0, "a client with a long name 日本 \($0)", $0 < 20 ? "decode" : "waiting") }
        let rows = screen(snapshot(time: 1, generated: 1, sequences: many)).rows(width: width, height: height)
        #expect(rows.count <= height && !rows.isEmpty)
        #expect(rows.allSatisfy { $0.cells <= width })
    }

    @Test func sequencesThatDoNotFitAreCounted() {
        let many = (0..<50).map { sequence($0, "anna", "decode") }
        let rows = screen(snapshot(time: 1, generated: 1, sequences: many)).rows(width: 100, height: 12)
        #expect(rows.count == 12)
        #expect(rows.last == "  and 44 more")
    }

    @Test func namesCannotControlTheTerminal() {
        let rows = screen(snapshot(time: 1, generated: 1, sequences: [sequence(1, "x\u{1b}[2J\u{9b}1m\n", "decode")])).rows(width: 100)
        #expect(rows.allSatisfy { $0.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } })
    }

    @Test func aScreenIsOverwrittenRowByRow() {
        #expect(FullScreen.bytes(["one", "two", "three"], height: 2) == "\u{1b}[Hone\u{1b}[K\r\ntwo\u{1b}[K\u{1b}[J")
    }
}
