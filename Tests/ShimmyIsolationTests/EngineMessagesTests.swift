import ShimmyChat
import ShimmyEngine
import ShimmyIsolation
import Testing

@Suite struct EngineMessagesTests {
    @Test func anOrderIsReadAsItWasWritten() throws {
        var order = EngineOrder(
            model: "a\nb \u{1F600}", path: "/m.gguf", parts: ["/m.gguf", "/n.gguf"], kind: "model", sizeBytes: 1 << 40, modified: 7, streamGap: 0.1,
            queue: 256, memoryBudget: 1 << 33)
        order.adapters = [EngineOrder.Adapter(name: "x", path: "/x.gguf", scale: 0.5, isRequired: true)]
        (order.chatTemplate, order.secret, order.memoryLimit) = ("{{ a }}\n", "s", 5)
        let line = order.line
        #expect(line.last == UInt8(ascii: "\n") && line.count { $0 == UInt8(ascii: "\n") } == 1)
        let read = try #require(EngineOrder(line: line))
        #expect(read == order)
        #expect(EngineOrder(line: Array("{}".utf8)) == nil)
        #expect(EngineOrder(line: []) == nil)
    }

    @Test func reportsAreReadAsTheyWereWritten() {
        for report in [EngineReport.progress(0.25), .failed("no room\nhere")] { #expect(EngineReport(line: report.line) == report) }
        #expect(EngineReport(line: Array("hello".utf8)) == nil)
    }

    @Test func statisticsAreReadAsTheyWereWritten() throws {
        var statistics = EngineStatistics()
        (statistics.running, statistics.cellsUsed, statistics.sequencesByOwner) = (3, 40, ["key_1": 2])
        (statistics.totalSeconds, statistics.modelSeconds, statistics.counters.generatedTokens) = (1.5, 1.25, 9)
        statistics.stepDurations.count(seconds: 0.004)
        let line = EngineReport.statistics(statistics).line
        #expect(EngineReport(line: line) == .statistics(statistics))
        // Another version of the program can have other bounds of durations.
        let text = String(decoding: line, as: UTF8.self)
        let counts = statistics.stepDurations.counts.map { "\($0)" }.joined(separator: ",")
        #expect(text.contains(counts))
        let shorter = text.replacing("[\(counts)]", with: "[0,1]")
        #expect(EngineReport(line: Array(shorter.utf8)) == nil)
    }

    @Test func statisticsAreReportedWhenTheyChangeAndFromTimeToTime() {
        var reports = StatisticsReports()
        var statistics = EngineStatistics()
        let first = reports.next(statistics, at: 10)
        let unchanged = reports.next(statistics, at: 10.5)
        statistics.running = 1
        let changed = reports.next(statistics, at: 11)
        let early = reports.next(statistics, at: 11 + StatisticsReports.longestSilence - 0.1)
        let late = reports.next(statistics, at: 11 + StatisticsReports.longestSilence)
        #expect(first == .statistics(EngineStatistics()) && unchanged == nil)
        #expect(changed == .statistics(statistics) && early == nil && late == changed)
    }

    @Test func linesAreDividedAndBounded() {
        var lines = LineSplitter(longest: 4)
        #expect(lines.take([UInt8]("ab".utf8)[...]) == [])
        #expect(lines.take([UInt8]("cdef\n\nx\ny".utf8)[...]) == [Array("abcd".utf8), Array("x".utf8)])
        #expect(lines.rest == Array("y".utf8))
    }

    @Test func anEndNamesSignalAndLimit() {
        #expect(ProcessEnd.exited(status: 3).description(memoryLimit: nil) == "exit status 3")
        #expect(ProcessEnd.killed(signal: 6).description(memoryLimit: nil) == "killed by signal 6 (SIGABRT)")
        #expect(ProcessEnd.killed(signal: 9).description(memoryLimit: nil).contains("out of memory"))
        #expect(ProcessEnd.killed(signal: 6).description(memoryLimit: 100).contains("100 bytes"))
    }

    @Test func ownersPassThroughTheHeader() {
        for owner in [Owner("", weight: 2.5), Owner("key_1"), Owner("127.0.0.1"), Owner("Zoë\n", weight: 0.1)] {
            #expect(OwnerHeader.owner(OwnerHeader.value(owner)) == owner)
        }
        for text in ["", "1", "0 61", "-1 61", "nan 61", "inf 61", "1 6x"] { #expect(OwnerHeader.owner(text) == nil, "\(text)") }
    }
}
