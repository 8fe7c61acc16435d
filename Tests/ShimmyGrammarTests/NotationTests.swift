import Foundation
import ShimmyGrammar
import ShimmyJSON
import Testing

/// Regular expressions and Lark grammars, translated to GBNF: the texts that they accept.
@Suite struct NotationTests {
    private static let trie = TokenTrie(pieces: (0...255).map { [UInt8($0)] }, ends: [], controls: [:])

    /// Returns whether a grammar accepts a text.
    private static func takes(_ grammar: CompiledGrammar, _ text: String) throws -> Bool {
        var cursor = grammar.begin()
        return cursor.advance(text.utf8) && cursor.mayEnd
    }

    private static func compile(_ text: String) throws -> CompiledGrammar { try CompiledGrammar(text, trie: trie) }

    /// Returns the text as a JSON string without its quotes.
    private static func inJSON(_ text: String) -> String { String(JSON.string(text).text.dropFirst().dropLast()) }

    private static let samples = [
        "", "a", "b", "ab", "abc", "aab", "aaa", "12", "123", "1.5", "A1", "é", "日", "a b", "a\nb", "a\tb", "\"", "\\", "a\"b", "a\\b", "[x]", "a-b",
        "_9", "x.y",
        "foo", "FOO", "foobar", "barfoo", "😀", "{2}", "a{2}",
    ]

    @Test(arguments: [
        "a", "a*", "a+b?", "(a|b)*c?", "[a-c]+", "[^a]*", "[^\"]+", #"\d+(\.\d+)?"#, #"\w+"#, #"\W"#, #"[\w.-]+"#, #"\S*"#, ".", ".*", "(?:foo|bar)+",
        "^ab?c?$", "a{2}b", "a{1,2}b?", "a{2,}", #"a\{2\}"#, #"[\]\[x]+"#, #"\\"#, #"a?\"b?"#, #"a\\?b"#, "(?<name>foo)(bar)?",
        "|a", "a||b",
        #"\x61"#, #"\u65e5"#, "[é-日]", "😀", "[^\\x00-\\x7f]", "a-b", "[a\\-b]+", "x\\.y", #"a\sb"#,
    ]) func expressionsTakeWhatTheyMatch(pattern: String) throws {
        // `\w` matches ASCII characters only, as in ECMAScript.
        let ascii = pattern.replacing("[\\w", with: "[A-Za-z0-9_").replacing("\\w", with: "[A-Za-z0-9_]").replacing("\\W", with: "[^A-Za-z0-9_]")
        let reference = try NSRegularExpression(pattern: "^(?:" + ascii.trimmingPrefix("^") + ")$(?!\\n)")
        let plain = try Self.compile("root ::= " + RegexGrammar.expression(pattern, in: .plain))
        let inString = try Self.compile("root ::= " + RegexGrammar.expression(pattern, in: .jsonString))
        for sample in Self.samples {
            let whole = NSRange(sample.startIndex..., in: sample)
            let match = reference.firstMatch(in: sample, range: whole)
            let expected = match?.range == whole
            #expect(try Self.takes(plain, sample) == expected, "\(pattern) and \(sample.debugDescription)")
            #expect(try Self.takes(inString, Self.inJSON(sample)) == expected, "\(pattern) and \(sample.debugDescription) in JSON")
        }
    }

    @Test func bracesAndBracketsWithoutAMeaningAreCharacters() throws {
        let brackets = try Self.compile("root ::= " + RegexGrammar.expression("[]x[]+", in: .plain))
        #expect(try Self.takes(brackets, "[x]") && !Self.takes(brackets, "a"))
        let braces = try Self.compile("root ::= " + RegexGrammar.expression(#"\{2}a{b}"#, in: .plain))
        #expect(try Self.takes(braces, "{2}a{b}"))
    }

    @Test func flagsOfExpressions() throws {
        let any = try Self.compile("root ::= " + RegexGrammar.expression("fo[o-p].", flags: "is", in: .plain))
        #expect(try Self.takes(any, "FOO\n") && Self.takes(any, "foPx"))
        let strict = try Self.compile("root ::= " + RegexGrammar.expression("foo.", in: .plain))
        #expect(try !Self.takes(strict, "FOOx") && !Self.takes(strict, "foo\n"))
    }

    @Test(arguments: [
        "(a", "a)", "[a", "*a", "a**", "a{2}{3}", "a{3,2}", "a{65537}", #"(a)\1"#, "(?=a)", "(?!a)", "(?<=a)b", #"\bword"#, "a^b", "a$b", "\\",
        "[b-a]", #"\xZZ"#,
        #"\p{L}"#, "(?i)a", String(repeating: "(", count: 100) + "a" + String(repeating: ")", count: 100),
    ]) func whatAGrammarCannotSayIsAnError(pattern: String) {
        #expect(throws: GrammarTextError.self) { try RegexGrammar.expression(pattern, in: .plain) }
    }

    /// llama.cpp's parser keeps the last definition of a rule, too.
    @Test func theLastDefinitionOfARuleWins() throws {
        let grammar = try Self.compile("root ::= x\nx ::= \"a\"\nx ::= \"b\"\n")
        #expect(try Self.takes(grammar, "b") && !Self.takes(grammar, "a"))
    }

    // MARK: Lark

    private static func lark(_ text: String, in context: GrammarContext = .plain) throws -> CompiledGrammar {
        let grammar = try LarkGrammar(text, prefix: "x-", in: context)
        return try compile("root ::= \(grammar.root)\n" + grammar.rules)
    }

    @Test func rulesRecurseAndRepeat() throws {
        let grammar = try Self.lark(
            """
            // sums
            start: expr
            expr: term (SP ("+" | "-") SP term)*   -> sum
            ?term.2: INT
                | "(" expr ")"   // in brackets
            SP: " "
            %import common.INT
            """)
        for text in ["1", "1 + 2", "(1 + 23) - 4", "((5))"] { #expect(try Self.takes(grammar, text), "\(text)") }
        for text in ["", "1+2", "(1", "1 + ", "a"] { #expect(try !Self.takes(grammar, text), "\(text)") }
    }

    @Test func operatorsOfLark() throws {
        let grammar = try Self.lark(
            #"""
            start: "a"~2 "b"~1..3 ["c"] /[x-z]+/i? "0".."4" "end"i _tail
            _tail: | "!"+
            """#)
        for text in ["aab0end", "aabbbc3END", "aabxYZ4End!!"] { #expect(try Self.takes(grammar, text), "\(text)") }
        for text in ["ab0end", "aabbbb0end", "aab5end", "aab0end?"] { #expect(try !Self.takes(grammar, text), "\(text)") }
    }

    @Test func whatIsIgnoredMayStandBetweenTerminals() throws {
        let grammar = try Self.lark(
            """
            start: "set" NAME "=" NUMBER
            NAME: LETTER+
            %import common (LETTER, NUMBER)
            %import common.WS_INLINE -> SPACES
            %ignore SPACES
            """)
        for text in ["setx=1", "set x = 1.5e3", "  set  ab =2 "] { #expect(try Self.takes(grammar, text), "\(text)") }
        #expect(try !Self.takes(grammar, "set x y = 1") && !Self.takes(grammar, "set\nx = 1"))
    }

    @Test func quotesAndBackslashesAreEscapedInJSON() throws {
        let grammar = try Self.lark(#"start: "say \"" /[^"\n]*/ "\"" "\\" "\n""#, in: .jsonString)
        #expect(try Self.takes(grammar, Self.inJSON("say \"hello\tthere\"\\\n")))
        #expect(try !Self.takes(grammar, "say \"hello\"\\\n"))
    }

    @Test(arguments: [
        "", "rule: \"a\"", "start: other", "start: \"a", "start: /a", "start: (\"a\"", "start \"a\"", "start: \"a\"\nstart: \"b\"",
        "%declare X\nstart: X",
        "%import other.X\nstart: X", "%import common.NOTHING\nstart: \"a\"", "start: \"b\"..\"a\"", "start: \"a\" ~", "start: /(?=a)/",
        "start: \"a\" }",
        "start: " + String(repeating: "(", count: 100) + "\"a\"" + String(repeating: ")", count: 100),
    ]) func badGrammarsAreErrors(text: String) {
        #expect(throws: GrammarTextError.self) { try LarkGrammar(text, prefix: "x-", in: .plain) }
    }
}
