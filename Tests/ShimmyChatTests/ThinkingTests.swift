import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Detection of reasoning in a stream of bytes, and its forced end when the budget is used up.
@Suite struct ThinkingTests {
    private static let tags = ThinkingTags(start: "<think>", ends: ["</think>"])

    private func isThinking(_ text: String, tags: ThinkingTags = tags, prefix: String = "") -> Bool {
        var tracker = ThinkingTracker(tags, prefix: prefix)
        for byte in text.utf8 { tracker.push([byte]) }
        return tracker.isThinking
    }

    @Test func tagsOpenAndClose() {
        #expect(!isThinking("hello"))
        #expect(isThinking("<think>hello"))
        #expect(isThinking("a<<think>"))
        #expect(!isThinking("<think>a</think>b"))
        #expect(isThinking("<think>a</thinkb"))
        #expect(isThinking("<think>a</think>b<think>"))
        #expect(isThinking("<think>" + String(repeating: "long ", count: 200)))
    }

    @Test func thePromptMayOpenTheThoughtOrCloseIt() {
        #expect(isThinking("a", prefix: "assistant\n<think>\n"))
        #expect(!isThinking("a", prefix: "<think>\n\n</think>\n\n"))
        #expect(isThinking("a", tags: ThinkingTags(start: "", ends: ["</think>", "<end>"])))
        #expect(!isThinking("a<end>", tags: ThinkingTags(start: "", ends: ["</think>", "<end>"])))
    }

    /// Feeds a constraint with its forced tokens, or with `text` where it forces none. Returns the generated text.
    private func run(budget: Int?, steps: Int, prefix: String = "<think>", text: [UInt8] = Array("x".utf8)) -> String {
        let settings = ThinkingConstraint.Settings(tags: Self.tags, prefix: prefix, budget: budget, grammarWaits: false)
        let constraint = ThinkingConstraint(settings, grammar: nil, vocabulary: ByteVocabulary())
        var said: [UInt8] = []
        for step in 0..<steps {
            let token = constraint.forced.first ?? Token(text[step % text.count])
            constraint.accept(token)
            said.append(UInt8(token))
        }
        return String(decoding: said, as: UTF8.self)
    }

    @Test func aBudgetEndsTheThoughtOnce() {
        #expect(run(budget: 3, steps: 16) == "xxx\n</think>\n\nxx")
        #expect(run(budget: 0, steps: 13) == "\n</think>\n\nxx")
        #expect(run(budget: nil, steps: 5) == "xxxxx")
        #expect(run(budget: 3, steps: 5, prefix: "") == "xxxxx", "nothing was opened")
    }

    @Test func aThoughtEndsBetweenCharacters() {
        // The budget runs out within the second character.
        #expect(run(budget: 3, steps: 12, text: Array("éé".utf8)).hasPrefix("éé\n</thin"))
    }

    /// If the grammar does not allow the forced text and the model ends its reasoning itself, the rest of the forced text must not follow.
    @Test func aForcedEndThatWasNotAllowedDoesNotFollowLater() {
        final class NoNewlines: TokenConstraint {
            var mask: TokenMask? = TokenMask((0..<256).filter { $0 != 10 }.map { Token($0) }, count: 256)
            let forced: [Token] = []
            func prepare(until deadline: ContinuousClock.Instant) -> Bool { true }
            func accept(_ token: Token) {}
        }
        let grammar = NoNewlines()
        let settings = ThinkingConstraint.Settings(tags: Self.tags, prefix: "<think>", budget: 1, grammarWaits: false)
        let constraint = ThinkingConstraint(settings, grammar: grammar, vocabulary: ByteVocabulary())
        for byte in "ab</think>".utf8 {
            #expect(constraint.forced.isEmpty)
            constraint.accept(Token(byte))
        }
        grammar.mask = nil
        #expect(constraint.forced.isEmpty)
    }

    /// A grammar that waits for a call receives no bytes of the reasoning and does not constrain it.
    @Test func aWaitingGrammarIsNotAskedInAThought() {
        final class Refusing: TokenConstraint {
            var seen: [Token] = []
            let forced: [Token] = []
            let mask: TokenMask? = TokenMask([], count: 256)
            func prepare(until deadline: ContinuousClock.Instant) -> Bool { false }
            func accept(_ token: Token) { seen.append(token) }
        }
        let grammar = Refusing()
        let settings = ThinkingConstraint.Settings(tags: Self.tags, prefix: "<think>", budget: nil, grammarWaits: true)
        let constraint = ThinkingConstraint(settings, grammar: grammar, vocabulary: ByteVocabulary())
        #expect(constraint.mask == nil && constraint.prepare(until: .now))
        for byte in "a</think>".utf8 { constraint.accept(Token(byte)) }
        #expect(constraint.mask?.isEmpty == true && grammar.seen.isEmpty)
        constraint.accept(65)
        #expect(grammar.seen == [65] && !constraint.prepare(until: .now))
    }
}
