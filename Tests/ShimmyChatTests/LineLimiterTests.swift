import ShimmyChat
import Testing

/// The limits for the lines of an answer that fills a gap in a text.
@Suite struct LineLimiterTests {
    /// Returns the text that the limits leave, for a text in pieces of `size` characters.
    private func limited(_ text: String, _ limits: LineLimits, size: Int, secondsPerPiece: Int = 0) -> (text: String, isOver: Bool) {
        var limiter = LineLimiter(limits)
        var (kept, rest, now) = ("", Substring(text), ContinuousClock.now)
        while !rest.isEmpty {
            kept += limiter.push(String(rest.prefix(size)), now: now)
            rest = rest.dropFirst(size)
            now += .seconds(secondsPerPiece)
        }
        return (kept + limiter.finish(), limiter.isOver)
    }

    @Test(arguments: [
        ("return 1\n", "return 1\n", false), ("return 1\n    x\n", "return 1\n    x\n", false), ("a\n    b\n  c\n", "a\n    b\n", true),
        ("a\n\n\r\n    b", "a\n\n\r\n    b", false), ("a\n\tb", "a\n", true), ("a\n\t\t\t\tb\nc", "a\n\t\t\t\tb\n", true),
        ("a\n   ", "a\n   ", false),
        ("", "", false), ("\nb", "\n", true), ("é\n    ü", "é\n    ü", false),
    ])
    func aLineNeedsItsIndentation(text: String, kept: String, isOver: Bool) {
        for size in 1...max(1, text.count) {
            let limited = limited(text, LineLimits(indentation: 4), size: size)
            #expect(limited.text == kept && limited.isOver == isOver, "in pieces of \(size)")
        }
    }

    @Test func withoutLimitsATextStaysAsItIs() {
        for size in 1...9 { #expect(limited("a\nb\n  c\n\n", LineLimits(), size: size).text == "a\nb\n  c\n\n") }
    }

    @Test(arguments: [(0, "a\nb\nc\nd", false), (1, "a\nb\n", true), (100, "a\nb\n", true)])
    func aLateTextEndsWithItsLine(seconds: Int, kept: String, isOver: Bool) {
        let limits = LineLimits(duration: .milliseconds(1500))
        // The first line may take longer.
        let limited = limited("a\nb\nc\nd", limits, size: 1, secondsPerPiece: seconds)
        #expect(limited.text == kept && limited.isOver == isOver)
    }

    @Test func nothingFollowsTheEnd() {
        var limiter = LineLimiter(LineLimits(indentation: 1))
        #expect(limiter.push("a\nb", now: .now) == "a\n" && limiter.isOver)
        #expect(limiter.push("c", now: .now) == "" && limiter.finish() == "")
    }
}
