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
