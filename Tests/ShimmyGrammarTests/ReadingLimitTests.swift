import ShimmyCore
import ShimmyGrammar
import ShimmyJSON
import Testing

/// Grammars with more readings of a text than the engine follows: an error when they are compiled, or a text that ends without a next token.
@Suite struct ReadingLimitTests {
    private static let bytes = TokenTrie(pieces: (0...255).map { [UInt8($0)] } + [[]], ends: [256], controls: [:])
    /// Twelve choices, more than the check of the beginning follows.
    private static let choices = "(\"a\" | \"b\"){12}"
    private static let chosen = Array("abababababab".utf8)

    /// Returns the rule `many`, of which each alternative begins with the same letters, and the rules that it refers to.
    private static func rules(_ count: Int) -> String {
        "\nmany ::= " + (0..<count).map { "r\($0)" }.joined(separator: " | ") + "\n"
            + (0..<count).map { "r\($0) ::= [a-z] \"\($0).\"" }.joined(separator: "\n")
    }

    @Test(arguments: ["root ::= many", "root ::= \"{\" many \"}\"", "root ::= \"{\" many | \"text\"", "root ::= (many \"-\")*"])
    func tooManyAtTheBeginningAreRefused(root: String) throws {
        let error = #expect(throws: GrammarTextError.self) { try CompiledGrammar(root + Self.rules(1100), trie: Self.bytes) }
        #expect(error?.isLimit == true && error?.description.contains("grammarReadings") == true)
    }

    @Test func manyAlternativesAreFollowed() throws {
        for text in ["a0.", "z7.", "x999."] { #expect(try CompiledGrammarTests.takes("root ::= many" + Self.rules(1000), text)) }
        for text in ["a", "a1000.", "77."] { #expect(try !CompiledGrammarTests.takes("root ::= many" + Self.rules(1000), text)) }
    }

    /// A text never ends silently because of the limit, even where the grammar allows an end.
    @Test(arguments: ["\"{\" many", "(\"{\" many)?"]) func tooManyLaterLeaveNoToken(rest: String) throws {
        var cursor = try CompiledGrammar("root ::= \(Self.choices) \(rest)" + Self.rules(1100), trie: Self.bytes).begin()
        cursor.advance(Self.chosen)
        #expect(cursor.mask.isEmpty && !cursor.isDead && !cursor.meetsLimit)
        // The reason stays known after more text.
        for text in ["{", "a"] {
            cursor.advance(text.utf8)
            #expect(cursor.isDead && cursor.meetsLimit && cursor.mask.isEmpty)
        }
    }

    @Test func otherTokensStayAllowed() throws {
        var cursor = try CompiledGrammar("root ::= \(Self.choices) (\"{\" many | \"!\")?" + Self.rules(1100), trie: Self.bytes).begin()
        cursor.advance(Self.chosen)
        #expect(cursor.mask.contains(Token(UInt8(ascii: "!"))) && cursor.mask.contains(256) && cursor.mask.count == 2)
        cursor.advance("?".utf8)
        #expect(cursor.isDead && !cursor.meetsLimit)
    }

    /// A property distinguishes the objects.
    @Test(arguments: ["anyOf", "oneOf"]) func alternativesWithADiscriminatorAreFollowed(key: String) throws {
        let alternatives = (0..<512).map { number -> JSON in
            let type: JSON = number.isMultiple(of: 2) ? "integer" : "string"
            let properties: JSON = ["kind": ["const": .string("kind\(number)")], "value": ["type": type]]
            return ["type": "object", "properties": properties, "required": ["kind", "value"], "additionalProperties": false]
        }
        let compiled = try SchemaTests.Compiled([key: .array(alternatives)])
        #expect(compiled.takes(["kind": "kind8", "value": 5]) && compiled.takes(["kind": "kind511", "value": "a"]))
        #expect(!compiled.takes(["kind": "kind8", "value": "a"]) && !compiled.takes(["kind": "kind512", "value": 5]))
        #expect(compiled.notes.isEmpty)
    }

    /// Each alternative has several optional properties, any of which can be the first.
    @Test func schemasWithTooManyBeginningsAreRefused() throws {
        let alternatives = (0..<512).map { number -> JSON in
            let integer: JSON = ["type": "integer"]
            let properties: JSON = ["a": integer, "b": integer, "c": integer, "d": ["const": .int(number)]]
            return ["type": "object", "properties": properties, "additionalProperties": false]
        }
        let grammar = try SchemaGrammar(["anyOf": .array(alternatives)], prefix: "s-", mode: .lenient)
        let error = #expect(throws: GrammarTextError.self) { try CompiledGrammar("root ::= \(grammar.root)\n\(grammar.rules)", trie: Self.bytes) }
        #expect(error?.description.contains("grammarReadings") == true)
    }
}
