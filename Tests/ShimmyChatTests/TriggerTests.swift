import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyTestSupport
import Testing

/// Grammars that apply from a trigger on, and have more readings of a text than the engine follows.
@Suite struct TriggerTests {
    private static let many =
        "\nmany ::= " + (0..<1100).map { "r\($0)" }.joined(separator: " | ") + "\n"
        + (0..<1100).map { "r\($0) ::= [a-z] \"\($0)\"" }.joined(separator: "\n")
    private static let grammar = "root ::= \"<call>\" (\"a\" | \"b\"){12} \"{\" many" + many

    private func makeConstraint(word: String) throws -> any TokenConstraint {
        let compiler = ConstraintCompiler(vocabulary: ByteVocabulary())
        return try compiler.compile(AnswerGrammar(Self.grammar, triggers: [.word(word)])).makeConstraint()
    }

    @Test func aGrammarThatCannotBeginIsRefused() {
        let compiler = ConstraintCompiler(vocabulary: ByteVocabulary())
        #expect(throws: (any Error).self) {
            try compiler.compile(AnswerGrammar("root ::= \"<call>\" many" + Self.many, triggers: [.word("<call>")]))
        }
    }

    @Test(arguments: [
        // The grammar cannot follow the text that the trigger ends.
        ("<call>abababababab{", "Hi <call>abababababab{"),
        // The grammar cannot follow the text after the trigger.
        ("<call>", "Hi <call>abababababab"),
    ]) func aTextThatCannotBeFollowedAllowsNoToken(word: String, text: String) throws {
        let constraint = try makeConstraint(word: word)
        for byte in text.utf8 {
            #expect(constraint.mask?.isEmpty != true)
            constraint.accept(Token(byte))
        }
        #expect(constraint.mask?.isEmpty == true && constraint.forced.allSatisfy { $0 == Token(UInt8(ascii: "{")) })
    }

    /// A text that ends like a trigger but does not fit the grammar is unconstrained.
    @Test func otherTextsAreUnconstrained() throws {
        let constraint = try makeConstraint(word: "<call>c")
        for byte in "Hi <call>c".utf8 { constraint.accept(Token(byte)) }
        #expect(constraint.mask == nil)
    }
}
