import ShimmyCore
import ShimmyGrammar
import ShimmyJSON
import ShimmyTestSupport
import Testing

/// The arguments of calls: objects with keys in any order, and without keys that the schema does not mention.
@Suite struct UnorderedMemberTests {
    private static let trie = TokenTrie(pieces: [], ends: [], controls: [:])

    private static func compile(_ schema: String, prefix: String = "s-") throws -> CompiledGrammar {
        let made = try SchemaGrammar(JSON.parse(schema), prefix: prefix, mode: .lenient, keys: .ofCalls)
        return try CompiledGrammar("root ::= \(made.root)\n\(made.rules)", trie: trie)
    }

    private static func takes(_ grammar: CompiledGrammar, _ text: String) -> Bool {
        var cursor = grammar.begin()
        return cursor.advance(text.utf8) && cursor.mayEnd
    }

    @Test(arguments: [
        (
            #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"},"c":true},"required":["b"],"additionalProperties":{}}"#,
            [#"{"b": ""}"#, #"{"b": "", "a": 1}"#, #"{"c": null, "b": "", "a": 1}"#, #"{"b": "", "x": [], "y": 1, "a": 1}"#, #"{"b": "", "x": 1}"#],
            [
                "{}", #"{"a": 1}"#, #"{"b": "", "b": ""}"#, #"{"a": 1, "b": "", "a": 2}"#, #"{"b": "", }"#, #"{"b": 1}"#,
                #"{"x": 1, "b": ""}"#, #"{"b": "", "x": 1, "a": ""}"#,
            ]
        ),
        (
            #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"additionalProperties":false}"#,
            ["{}", #"{"b": 1, "a": 1}"#, #"{"a": 1}"#], [#"{"b": 1, "b": 1}"#, #"{"a": 1, "b": 2, "a": 3}"#, #"{"a": 1, }"#, #"{"c": 1}"#]
        ),
        (#"{"type":"object","additionalProperties":false}"#, ["{}"], [#"{"a": 1}"#]),
        (#"{"type":"object","minProperties":1}"#, [#"{"a": 1}"#, #"{"a": 1, "b": []}"#], ["{}"]),
        (
            #"{"properties":{"a":{"properties":{"p":true,"q":true},"additionalProperties":false},"b":{"const":1}},"type":"object"}"#,
            [#"{"b": 1, "a": {"q": 1, "p": 2}}"#, #"{"a": 5, "b": 1}"#], [#"{"b": 1, "a": {"q": 1, "q": 2}}"#, #"{"b": 2}"#]
        ),
        // A property without valid values is omitted, together with its separator.
        (
            #"{"properties":{"a":false,"b":true},"additionalProperties":false,"type":"object"}"#, [#"{"b": 1}"#, "{}"],
            [#"{"a": 1}"#, #"{"b": 1, }"#]
        ),
        // If the number of keys is bounded, the schema's order applies.
        (#"{"properties":{"a":true,"b":true},"maxProperties":2,"type":"object"}"#, [#"{"a": 1, "b": 2}"#], [#"{"b": 2, "a": 1}"#]),
    ]) func whatIsTaken(schema: String, taken: [String], refused: [String]) throws {
        let grammar = try Self.compile(schema)
        for text in taken { #expect(Self.takes(grammar, text), "\(schema) takes \(text)") }
        for text in refused { #expect(!Self.takes(grammar, text), "\(schema) does not take \(text)") }
    }

    @Test(
        arguments: [
            // Keys that the schema does not mention are not possible, also in nested objects and in alternatives.
            (
                #"{"type":"object","properties":{"a":{"type":"integer"},"o":{"type":"object","properties":{"p":{"type":"null"}}}},"required":["r"]}"#,
                [#"{"r": 1}"#, #"{"r": [], "a": 1, "o": {"p": null}}"#], [#"{"r": 1, "x": 1}"#, #"{"r": 1, "o": {"q": 1}}"#]
            ),
            (
                #"{"type":"object","properties":{"t":true},"anyOf":[{"properties":{"x":{"type":"null"}}},{"properties":{"y":{"type":"null"}}}]}"#,
                [#"{"t": "a", "x": null}"#, #"{"y": null, "t": "b"}"#], [#"{"t": "a", "z": 1}"#]
            ),
            (
                #"{"allOf":[{"type":"object","properties":{"a":{"type":"null"}}},{"properties":{"b":{"type":"null"}}}]}"#,
                [#"{"a": null, "b": null}"#], [#"{"a": null, "c": 1}"#]
            ),
            // A tool without arguments, and an argument that can be any object.
            (
                #"{"type":"object","properties":{}}"#, ["{}"], [#"{"a": 1}"#]
            ),
            (
                #"{"type":"object","properties":{"headers":{"type":"object","properties":{}},"any":{"type":"object"}}}"#,
                [#"{"headers": {"a": 1}}"#, #"{"any": {"b": []}}"#], [#"{"x": 1}"#]
            ),
            // The schema mentions other keys, or needs them.
            (#"{"type":"object","properties":{"a":true},"patternProperties":{"^x":{"type":"null"}}}"#, [#"{"x1": null}"#, #"{"y": 1}"#], []),
            (#"{"type":"object","properties":{"a":true},"propertyNames":{"maxLength":2}}"#, [#"{"xy": 1}"#], [#"{"xyz": 1}"#]),
            (#"{"type":"object","properties":{"a":true},"additionalProperties":{"type":"null"}}"#, [#"{"x": null}"#], [#"{"x": 1}"#]),
            (#"{"type":"object","properties":{"a":{"type":"null"}},"minProperties":2}"#, [#"{"a": null, "x": 1}"#], [#"{"a": null}"#]),
            (#"{"type":"object"}"#, [#"{"x": 1}"#], []), (#"{"type":"object","not":{"required":["a"]}}"#, [#"{"x": 1}"#], [#"{"a": 1}"#]),
        ] as [(String, [String], [String])]) func keysThatTheSchemaDoesNotMention(schema: String, taken: [String], refused: [String]) throws
    {
        let grammar = try Self.compile(schema)
        for text in taken { #expect(Self.takes(grammar, text), "\(schema) takes \(text)") }
        for text in refused { #expect(!Self.takes(grammar, text), "\(schema) does not take \(text)") }
    }

    @Test func otherSchemasStayOpen() throws {
        let made = try SchemaGrammar(JSON.parse(#"{"type":"object","properties":{"a":{"type":"null"}}}"#), prefix: "s-", mode: .lenient)
        let grammar = try CompiledGrammar("root ::= \(made.root)\n\(made.rules)", trie: Self.trie)
        #expect(Self.takes(grammar, #"{"a": null, "x": 1}"#))
    }

    @Test func anOpenObjectWithAllItsKeysDeclaredNeedsNoOtherOrder() throws {
        // A used key may not be repeated as an additional property.
        let grammar = try Self.compile(#"{"type":"object","properties":{"path":{"type":"string"},"offset":{"type":"integer"}},"required":["path"]}"#)
        #expect(Self.takes(grammar, #"{"offset": 4, "path": "a.txt"}"#))
        #expect(Self.takes(grammar, #"{"path": "a.txt", "offset": 4}"#))
        #expect(!Self.takes(grammar, #"{"path": "a.txt", "offset": "4"}"#))
        #expect(!Self.takes(grammar, #"{"path": "a.txt", "path": 4}"#))
    }

    @Test(arguments: 0..<20) func everyOrderIsTakenAndNothingElse(seed: UInt64) throws {
        var source = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let names = (0..<Int.random(in: 0...6, using: &source)).map { "k\($0)" }
            let required = names.filter { _ in Bool.random(using: &source) }
            let isOpen = Bool.random(using: &source)
            let properties = names.map { #""\#($0)":{"type":"integer"}"# }.joined(separator: ",")
            let list = required.map { "\"\($0)\"" }.joined(separator: ",")
            let grammar = try Self.compile(
                #"{"type":"object","properties":{\#(properties)},"required":[\#(list)],"additionalProperties":\#(isOpen)}"#)
            for _ in 0..<60 {
                // Some keys twice, some missing, some additional.
                var keys = (names + names.prefix(1) + ["x"]).shuffled(using: &source)
                keys.removeLast(Int.random(in: 0...min(3, keys.count), using: &source))
                let named = keys.filter { $0 != "x" }
                let before = keys.prefix { $0 != "x" }
                let fits =
                    Set(named).count == named.count && Set(required).isSubset(of: before) && (isOpen || named.count == keys.count)
                let text = "{" + keys.map { "\"\($0)\": 7" }.joined(separator: ", ") + "}"
                #expect(Self.takes(grammar, text) == fits, "\(names) \(required) \(isOpen): \(text)")
            }
        }
    }

    @Test func aTextNeverRunsIntoADeadEnd() throws {
        let grammar = try Self.compile(
            #"{"type":"object","properties":{"a":{"const":1},"b":{"const":2},"n":false,"c":{"const":3}},"required":["c"],"additionalProperties":false}"#
        )
        for seed in 0..<100 {
            var source = SeededGenerator(seed: UInt64(seed))
            var cursor = grammar.begin()
            for _ in 0..<100 {
                let next = (0...127).filter { byte in
                    var copy = cursor
                    return copy.advance([UInt8(byte)])
                }
                guard let byte = next.randomElement(using: &source) else { break }
                cursor.advance([UInt8(byte)])
            }
            #expect(cursor.mayEnd)
        }
    }

    @Test func sixtyFourKeysAreTakenBackwardsAndMoreInOrder() throws {
        func text(_ keys: some Sequence<Int>) -> String { "{" + keys.map { "\"k\($0)\": \($0)" }.joined(separator: ", ") + "}" }
        for count in [64, 65] {
            let properties = (0..<count).map { "\"k\($0)\":{\"type\":\"integer\"}" }.joined(separator: ",")
            let grammar = try Self.compile("{\"type\":\"object\",\"properties\":{\(properties)}}")
            #expect(Self.takes(grammar, text(0..<count)))
            #expect(Self.takes(grammar, text((0..<count).reversed())) == (count == 64))
        }
    }

    /// Alternatives that can each begin with any of their keys stay within the limit of parallel parses.
    @Test func manyAlternativesWithManyKeysAreRead() throws {
        let properties = (0..<60).map { "\"k\($0)\":{\"type\":\"boolean\"}" }.joined(separator: ",")
        let alternatives = (0..<15).map { "{\"properties\":{\(properties),\"t\":{\"const\":\($0)}},\"required\":[\"k0\",\"t\"]}" }
        let grammar = try Self.compile("{\"type\":\"object\",\"anyOf\":[\(alternatives.joined(separator: ","))]}")
        #expect(Self.takes(grammar, #"{"k0": true, "k59": false, "t": 14}"#) && !Self.takes(grammar, #"{"k0": true, "t": 15}"#))
    }

    @Test(arguments: [
        "root ::= @members{}", "root ::= @members{a", "root ::= @members{a* b}\na ::= \"a\"\nb ::= \"b\"", "root ::= @members{a}",
        "root ::= @members{a}\na ::= \"\"", "root ::= @members{a?}\na ::= []", "root ::= @members{a b}\na ::= []\nb ::= \"b\"",
        "root ::= @members{a}\na ::= root", "root ::= @members{a*}\na ::= @members{a*}", "root ::= @members a", "root ::= @other{a}",
        "root ::= @members{\((0..<65).map { "a\($0)" }.joined(separator: " "))}",
    ]) func whatIsNoGrammarIsRefused(text: String) {
        #expect(throws: GrammarTextError.self) { try CompiledGrammar(text, trie: Self.trie) }
        #expect((try? GrammarCheck.isSurelySound(text)) != true || text.contains("\"\""))
    }

    @Test func theNotationIsReadAsItIsWritten() throws {
        let text = "root ::= @members{ a b?  c* }\na ::= \"a\"\nb ::= \"b\"\nc ::= \"c\""
        let grammar = try CompiledGrammar(text, trie: Self.trie)
        for taken in ["a", "a, b", "b, a", "a, c, c", "b, a, c", "a, c, b"] { #expect(Self.takes(grammar, taken)) }
        for refused in ["", "b", "c", "c, a", "a, a", "a, ", "ab", ", a"] { #expect(!Self.takes(grammar, refused)) }
    }
}
