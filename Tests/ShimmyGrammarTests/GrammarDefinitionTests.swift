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
        let definition = GrammarDefinition(text).replacing(["12": number])
        for taken in ["<7>", "<7!>", "-12", "123", "<1>,<2!>", "<1>-12"] { #expect(try Self.takes(definition, taken), "\(taken)") }
        for refused in ["<12>", "<>", "-7", "73"] { #expect(try !Self.takes(definition, refused), "\(refused)") }
        #expect(definition.texts == [text])
        #expect(try definition.printed().contains("n_1 ::= [0-9] n_2"))
    }

    /// The values of a schema are not changed by a notation between its compiler and the automaton.
    @Test func aSchemaReplacesALiteral() throws {
        let schema: JSON = ["type": "object", "properties": ["a\"\\\n": ["type": "string", "maxLength": 2]], "additionalProperties": false]
        let made = try SchemaGrammar(schema, prefix: "s_")
        let text = #"{"a\"\\\n": "é\""}"#
        #expect(try Self.takes(GrammarDefinition(made.grammar), text))
        #expect(try Self.takes(GrammarDefinition("root ::= \"<\" \"1\" \">\"").replacing(["1": made.grammar]), "<\(text)>"))
        #expect(try !Self.takes(GrammarDefinition("root ::= \"<\" \"1\" \">\"").replacing(["1": made.grammar]), "<{\"b\": 1}>"))
        // The printed rules are the same grammar.
        #expect(try Self.takes(GrammarDefinition("root ::= \(made.root)\n\(made.rules)"), text))
    }

    @Test func aLiteralThatDoesNotOccurIsAnError() throws {
        let other = try Grammar(parsing: "x ::= \"x\"", root: "x")
        for text in ["root ::= \"a\"", "root ::= \"12\" [1]", "root ::= x\nx ::= \"1\""] {
            #expect(throws: GrammarTextError.self) { try CompiledGrammar(GrammarDefinition(text).replacing(["1": other]), trie: Self.bytes) }
        }
    }

    @Test func aTextFitsOneOfSeveralGrammars() throws {
        let (number, name) = ("root ::= \"<\" part \">\"\npart ::= \"1\"", "root ::= \"<\" part \">\"\npart ::= [a-z]+")
        let made = try Grammar(parsing: "n_1 ::= [0-9]", root: "n_1")
        let definition = GrammarDefinition(anyOf: [GrammarText(number), GrammarText(name)]).replacing(["1": made])
        for taken in ["<7>", "<seven>"] { #expect(try Self.takes(definition, taken), "\(taken)") }
        for refused in ["<>", "<7a>", "7"] { #expect(try !Self.takes(definition, refused), "\(refused)") }
        #expect(definition.texts == [number, name])
    }

    /// Members in any order and characters before a rule refer to rules, too, which keep their names apart.
    @Test func allReferencesFollowTheNamesOfRules() throws {
        let members = "root ::= \"{\" @members{part more?} \"}\"\npart ::= \"a\"\nmore ::= \"b\""
        let definition = GrammarDefinition(anyOf: [GrammarText(members), GrammarText("root ::= part\npart ::= \"c\"")])
        for taken in ["{a}", "{b, a}", "c"] { #expect(try Self.takes(definition, taken), "\(taken)") }
        for refused in ["{c}", "a", "{a"] { #expect(try !Self.takes(definition, refused), "\(refused)") }
    }

    @Test func rulesGetOtherBodies() throws {
        let text = "root ::= before call\nbefore ::= [a-z]*\ncall ::= \"<\" [0-9] \">\" | message\nmessage ::= \"hello\""
        func definition(_ bodies: [String: String]) -> GrammarDefinition { GrammarDefinition(anyOf: [GrammarText(text, bodies: bodies)]) }
        for taken in ["<1>", "ab<1>", "hello"] { #expect(try Self.takes(definition([:]), taken), "\(taken)") }
        let held = definition(["before": "\"\"", "message": "[^\\x00-\\U0010FFFF]", "absent": "\"x\""])
        #expect(try Self.takes(held, "<1>"))
        for refused in ["ab<1>", "hello", "x"] { #expect(try !Self.takes(held, refused), "\(refused)") }
        let rooted = definition(["root": "call | before"])
        for taken in ["<1>", "ab", "hello"] { #expect(try Self.takes(rooted, taken), "\(taken)") }
        #expect(try !Self.takes(rooted, "ab<1>"))
        for wrong in ["nothing", "before )", "\"x"] {
            #expect(throws: GrammarTextError.self) { try CompiledGrammar(definition(["root": wrong]), trie: Self.bytes) }
        }
    }

    @Test func expressionsAreReplacedWhereTheyOccur() throws {
        let text = "root ::= \"<\" s s (\"[\" s x s \"]\" | s x s) \">\" | s s x \"!\"\ns ::= \" \"?\nx ::= [0-9]"
        let replacements: [GrammarText.Replacement] = [
            .init("(\"[\" s x s \"]\" | s x s)", with: "x"), .init("s s x", with: "x", followsLiteral: true),
        ]
        let definition = GrammarDefinition(anyOf: [GrammarText(text, replacements: replacements)])
        for taken in ["<1>", "1!", "  1!"] { #expect(try Self.takes(definition, taken), "\(taken)") }
        for refused in ["< 1>", "<[1]>", "<1 >", "   1!"] { #expect(try !Self.takes(definition, refused), "\(refused)") }
    }

    @Test func textsAroundAGrammarStayAsTheyAre() throws {
        let text = try Grammar(parsing: "t ::= [a-z]+", root: "t").enclosed(in: "{\"in\\put\": \"", "\"}", root: "whole")
        #expect(try Self.takes(GrammarDefinition(text), "{\"in\\put\": \"abc\"}"))
    }

    @Test func equalDefinitionsAreCompiledOnce() throws {
        let compiler = GrammarCompiler(trie: Self.bytes)
        func definition(_ maximum: Int) throws -> GrammarDefinition {
            let made = try SchemaGrammar(["type": "string", "maxLength": .int(maximum)], prefix: "s_")
            return GrammarDefinition("root ::= \"1\"").replacing(["1": made.grammar])
        }
        let (three, four) = (try definition(3), try definition(4))
        let first = try compiler.compile(three)
        #expect(try compiler.compile(definition(3)) === first)
        #expect(compiler.keeps(three) && !compiler.keeps(four))
        #expect(try compiler.compile(four) !== first)
    }
}
