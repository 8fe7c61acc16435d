import ShimmyGrammar
import ShimmyJSON
import Testing

/// Grammars in place of literals of other grammars.
@Suite struct GrammarDefinitionTests {
    private static let bytes = TokenTrie(pieces: (0...255).map { [UInt8($0)] } + [[]], ends: [256], controls: [:])

    private static func takes(_ definition: GrammarDefinition, _ text: String) throws -> Bool {
        var cursor = try CompiledGrammar(definition, trie: bytes).begin()
        return cursor.advance(text.utf8) && cursor.mayEnd
    }

    @Test func aLiteralBecomesAGrammar() throws {
        let number = try Grammar(parsing: "n_1 ::= [0-9] n_2\nn_2 ::= \"!\"?", root: "n_1")
        let text = "root ::= call (\",\" call)*\ncall ::= (\"<\" \"12\" \">\" | \"-12\" | \"123\"){1,2}"
        let definition = GrammarDefinition(text, replacing: ["12": number])
        for taken in ["<7>", "<7!>", "-12", "123", "<1>,<2!>", "<1>-12"] { #expect(try Self.takes(definition, taken), "\(taken)") }
        for refused in ["<12>", "<>", "-7", "73"] { #expect(try !Self.takes(definition, refused), "\(refused)") }
        #expect(definition.text == text)
        #expect(try definition.printed().contains("n_1 ::= [0-9] n_2"))
    }

    /// The values of a schema are not changed by a notation between its compiler and the automaton.
    @Test func aSchemaReplacesALiteral() throws {
        let schema: JSON = ["type": "object", "properties": ["a\"\\\n": ["type": "string", "maxLength": 2]], "additionalProperties": false]
        let made = try SchemaGrammar(schema, prefix: "s_")
        let text = #"{"a\"\\\n": "é\""}"#
        #expect(try Self.takes(GrammarDefinition(made.grammar), text))
        #expect(try Self.takes(GrammarDefinition("root ::= \"<\" \"1\" \">\"", replacing: ["1": made.grammar]), "<\(text)>"))
        #expect(try !Self.takes(GrammarDefinition("root ::= \"<\" \"1\" \">\"", replacing: ["1": made.grammar]), "<{\"b\": 1}>"))
        // The printed rules are the same grammar.
        #expect(try Self.takes(GrammarDefinition("root ::= \(made.root)\n\(made.rules)"), text))
    }

    @Test func aLiteralThatDoesNotOccurIsAnError() throws {
        let other = try Grammar(parsing: "x ::= \"x\"", root: "x")
        for text in ["root ::= \"a\"", "root ::= \"12\" [1]", "root ::= x\nx ::= \"1\""] {
            #expect(throws: GrammarTextError.self) { try CompiledGrammar(GrammarDefinition(text, replacing: ["1": other]), trie: Self.bytes) }
        }
    }

    @Test func textsAroundAGrammarStayAsTheyAre() throws {
        let text = try Grammar(parsing: "t ::= [a-z]+", root: "t").enclosed(in: "{\"in\\put\": \"", "\"}", root: "whole")
        #expect(try Self.takes(GrammarDefinition(text), "{\"in\\put\": \"abc\"}"))
    }

    @Test func equalDefinitionsAreCompiledOnce() throws {
        let compiler = GrammarCompiler(trie: Self.bytes)
        func definition(_ maximum: Int) throws -> GrammarDefinition {
            let made = try SchemaGrammar(["type": "string", "maxLength": .int(maximum)], prefix: "s_")
            return GrammarDefinition("root ::= \"1\"", replacing: ["1": made.grammar])
        }
        let (three, four) = (try definition(3), try definition(4))
        let first = try compiler.compile(three)
        #expect(try compiler.compile(definition(3)) === first)
        #expect(compiler.keeps(three) && !compiler.keeps(four))
        #expect(try compiler.compile(four) !== first)
    }
}
