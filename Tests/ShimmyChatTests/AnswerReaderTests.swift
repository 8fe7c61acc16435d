import ShimmyChat
import ShimmyCore
import Synchronization
import Testing

/// The deltas that a reader reports for a partial answer, with a minimal format instead of a model family's.
@Suite struct AnswerReaderTests {
    /// `<reasoning>` content `{name:arguments}` ... ; text after the calls violates the format.
    private struct Tiny: AnswerFormat {
        func read(_ text: String, isPartial: Bool) throws(ChatTemplateError) -> AnswerContent {
            var content = AnswerContent()
            var rest = text[...]
            if rest.first == "<" {
                let end = rest.firstIndex(of: ">")
                guard end != nil || isPartial else { throw ChatTemplateError("an open thought") }
                content.reasoning = String(rest[rest.index(after: rest.startIndex)..<(end ?? rest.endIndex)])
                rest = end.map { rest[rest.index(after: $0)...] } ?? ""
            }
            let begin = rest.firstIndex(of: "{") ?? rest.endIndex
            content.content = String(rest[..<begin])
            rest = rest[begin...]
            while rest.first == "{" {
                let end = rest.firstIndex(of: "}")
                guard end != nil || isPartial else { throw ChatTemplateError("an open call") }
                let parts = rest[..<(end ?? rest.endIndex)].dropFirst().split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                content.calls.append(.init(name: String(parts.first ?? ""), arguments: parts.count > 1 ? String(parts[1]) : ""))
                rest = end.map { rest[rest.index(after: $0)...] } ?? ""
            }
            guard rest.isEmpty else { throw ChatTemplateError("something after the calls") }
            return content
        }
    }

    private func deltas(_ parts: String..., maximumCalls: Int = .max, isCut: Bool = false) -> [AnswerDelta] {
        var reader = AnswerReader(Tiny(), maximumCalls: maximumCalls, throttleFactor: 0)
        return parts.flatMap { reader.push($0) + reader.preview() } + reader.finish(isCut: isCut)
    }

    @Test func partsAreToldAsTheyCome() {
        #expect(deltas("<a", "b>c", "d") == [.reasoning("a"), .reasoning("b"), .content("c"), .content("d")])
        #expect(deltas("hi") == [.content("hi")])
    }

    @Test func aCallBeginsWhenItsNameIsCertain() {
        #expect(
            deltas("{ge", "t:", "1", "2}{go:3}")
                == [
                    .call(index: 0, id: nil, name: "get"), .arguments(index: 0, "1"), .arguments(index: 0, "2"),
                    .call(index: 1, id: nil, name: "go"), .arguments(index: 1, "3"),
                ])
    }

    @Test func aCallWithoutArgumentsHasEmptyOnes() {
        #expect(deltas("{get:}") == [.call(index: 0, id: nil, name: "get"), .arguments(index: 0, "{}")])
        #expect(deltas("{a:}{b:1}").first == .call(index: 0, id: nil, name: "a"))
    }

    /// Clocks of which each look at the thread's time finds that it has worked for a millisecond, and lost the processor for the rest of the time.
    private final class BusyMachine: Sendable {
        private let times = Mutex((wall: Duration.zero, thread: Duration.zero))

        var clock: WorkClock {
            WorkClock(
                wall: { self.times.withLock { $0.wall } },
                thread: {
                    self.times.withLock { times in
                        times.wall += .milliseconds(500)
                        times.thread += .milliseconds(1)
                        return times.thread
                    }
                })
        }

        func pass(milliseconds: Int) { times.withLock { $0.wall += .milliseconds(milliseconds) } }
    }

    @Test func aPauseDoesNotCountTheTimeWithoutAProcessor() {
        let machine = BusyMachine()
        var reader = AnswerReader(Tiny(), throttleFactor: 20, clock: machine.clock)
        #expect(reader.push("a") + reader.preview() == [.content("a")])
        machine.pass(milliseconds: 19)
        reader.append("b")
        #expect(reader.preview() == [])
        machine.pass(milliseconds: 1)
        #expect(reader.preview() == [.content("b")])
    }

    @Test func whiteSpaceBetweenPartsIsNobodys() {
        #expect(deltas("< a \n>\n\nb \n{c:1}") == [.reasoning("a"), .content("b"), .call(index: 0, id: nil, name: "c"), .arguments(index: 0, "1")])
        #expect(deltas("a \n", "b \n") == [.content("a"), .content(" \nb"), .content(" \n")])
    }

    @Test func noMoreCallsThanAllowed() {
        var reader = AnswerReader(Tiny(), maximumCalls: 1, throttleFactor: 0)
        let first = reader.push("{a:1}")
        #expect(first == [.call(index: 0, id: nil, name: "a"), .arguments(index: 0, "1")] && !reader.isComplete)
        let second = reader.push("{b:2")
        #expect(second.isEmpty && reader.isComplete)
        let rest = reader.finish(isCut: false)
        #expect(rest.isEmpty)
    }

    /// A repeated call ends the answer, because small models repeat a call until the token limit.
    @Test func aCallThatIsMadeAgainEndsTheAnswer() {
        var reader = AnswerReader(Tiny(), throttleFactor: 0)
        var told = reader.push("{a:12}{b:3}")
        // The reader reports nothing while the call may still be a repetition of the first one.
        for part in ["{a", ":", "1"] { #expect(reader.push(part).isEmpty && !reader.isComplete) }
        told += reader.push("2}{c:9}")
        #expect(reader.isComplete)
        told += reader.finish(isCut: false)
        #expect(
            told == [
                .call(index: 0, id: nil, name: "a"), .arguments(index: 0, "12"), .call(index: 1, id: nil, name: "b"), .arguments(index: 1, "3"),
            ])
    }

    @Test func aCallLikeAnEarlierOneIsToldWhenItDiffers() {
        #expect(
            deltas("{a:12}", "{a:1", "9}{d:}", "{d:}") == [
                .call(index: 0, id: nil, name: "a"), .arguments(index: 0, "12"), .call(index: 1, id: nil, name: "a"), .arguments(index: 1, "19"),
                .call(index: 2, id: nil, name: "d"), .arguments(index: 2, "{}"),
            ])
        // A call that the token limit cut off is not a repetition.
        #expect(deltas("{a:12}{a:1", isCut: true).last == .arguments(index: 1, "1"))
    }

    /// The time of a preview differs between runs.
    @Test func aPreviewDoesNotEndTheAnswer() {
        var reader = AnswerReader(Tiny(), throttleFactor: 0)
        reader.append("{a:1}{a:1}{b")
        let told = reader.preview()
        #expect(told == [.call(index: 0, id: nil, name: "a"), .arguments(index: 0, "1")] && !reader.isComplete)
        let rest = reader.push(":2}")
        #expect(rest.isEmpty && reader.isComplete)
        var other = AnswerReader(Tiny(), maximumCalls: 1, throttleFactor: 0)
        other.append("{a:1}{b:2")
        let first = other.preview()
        #expect(first == told && !other.isComplete)
        let second = other.push("}")
        #expect(second.isEmpty && other.isComplete)
    }

    @Test func theEndOfAnAnswerDependsOnItsTextAlone() {
        let text = "Let me see. {look:1234}{look:1234}{look:1234}{look:1234}"
        func end(previewing: (Int) -> Bool) -> Int? {
            var reader = AnswerReader(Tiny(), throttleFactor: 0)
            for (index, character) in text.enumerated() {
                _ = reader.push(String(character))
                if reader.isComplete { return index }
                if previewing(index) { _ = reader.preview() }
            }
            return nil
        }
        let expected = end { _ in false }
        #expect(expected == "Let me see. {look:1234}{look:1234}".utf8.count)
        for step in 1...7 { #expect(end { $0 % step == 0 } == expected) }
    }

    @Test func anAnswerThatIsCutIsToldAsFarAsItGoes() {
        #expect(deltas("<a", isCut: true) == [.reasoning("a")])
        #expect(deltas("{a:1", isCut: true) == [.call(index: 0, id: nil, name: "a"), .arguments(index: 0, "1")])
        // Arguments that have not begun are not empty ones.
        #expect(deltas("{a:1}{b", isCut: true).last == .call(index: 1, id: nil, name: "b"))
    }

    @Test func aTextWithoutTheFormatIsToldAsFarAsItHasIt() {
        #expect(deltas("{a:1}junk") == [.call(index: 0, id: nil, name: "a"), .arguments(index: 0, "1")])
        // The result does not depend on how the text is split.
        #expect(deltas("{a:1}j", "unk") == [.call(index: 0, id: nil, name: "a"), .arguments(index: 0, "1")])
    }

    @Test func aFormatThatFitsNothingLeavesTheText() {
        struct Never: AnswerFormat {
            func read(_ text: String, isPartial: Bool) throws(ChatTemplateError) -> AnswerContent { throw ChatTemplateError("never") }
        }
        var reader = AnswerReader(Never(), throttleFactor: 0)
        let deltas = reader.push("some text") + reader.finish(isCut: false)
        #expect(deltas == [.content("some text")])
    }
}
