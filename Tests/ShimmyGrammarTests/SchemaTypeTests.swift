import ShimmyCore
import ShimmyGrammar
import ShimmyJSON
import Testing

/// The types of values for schemas without `type`.
@Suite struct SchemaTypeTests {
    private static let trie = TokenTrie(pieces: [], ends: [], controls: [:])

    private static func takes(_ schema: String, _ document: String, _ types: SchemaGrammar.Types) throws -> Bool {
        let made = try SchemaGrammar(JSON.parse(schema), prefix: "s-", mode: .lenient, types: types)
        let grammar = try CompiledGrammar("root ::= \(made.root)\n\(made.rules)", trie: trie)
        var cursor = grammar.begin()
        let text = try JSON.parse(document).canonicalText
        return cursor.advance(text.utf8) && cursor.mayEnd
    }

    @Test(
        arguments: [
            (#"{"properties":{"a":{"type":"integer"}},"required":["a"]}"#, #"{"a":1}"#, [#""x""#, "1", "null", "[]", "{}"]),
            (#"{"required":["a"]}"#, #"{"a":1}"#, [#""x""#, "[]"]),
            (#"{"additionalProperties":{"type":"integer"}}"#, #"{"b":1}"#, [#""x""#, #"{"b":"x"}"#]),
            (#"{"patternProperties":{"^x":{"type":"null"}},"additionalProperties":false}"#, #"{"x":null}"#, [#""x""#]),
            (#"{"items":{"type":"integer"}}"#, "[1]", [#""x""#, "{}", #"["x"]"#]),
            (#"{"prefixItems":[{"type":"integer"}],"minItems":1}"#, "[1]", ["1", "[]"]),
            (#"{"minItems":1}"#, "[1]", [#""x""#, "[]"]),
            (#"{"maxLength":3}"#, #""abc""#, ["1", "{}"]),
            (#"{"minimum":3}"#, "3", [#""x""#, "2"]),
            // Schemas inside others.
            (#"{"properties":{"a":{"items":{"properties":{"b":{}}}}}}"#, #"{"a":[{"b":1}]}"#, [#"{"a":"x"}"#, #"{"a":["x"]}"#]),
            (#"{"anyOf":[{"required":["a"]},{"type":"null"}]}"#, "null", [#""x""#]),
            (#"{"properties":{"a":{},"b":{}},"anyOf":[{"required":["a"]},{"required":["b"]}]}"#, #"{"b":1}"#, [#""x""#, "{}"]),
            (#"{"properties":{"a":{},"b":{}},"not":{"required":["a"]}}"#, #"{"b":1}"#, [#""x""#, #"{"a":1}"#]),
            (#"{"properties":{"a":{"required":true}}}"#, #"{"a":"x"}"#, ["{}"]),
            // Only schemas without a type are restricted.
            (#"{"type":["object","string"],"properties":{"a":{}}}"#, #""x""#, ["1"]),
            (#"{"allOf":[{"type":["object","string"]},{"properties":{"a":{}}}]}"#, #""x""#, ["1"]),
            (#"{"properties":{"a":{}},"nullable":true}"#, "null", [#""x""#]),
            (#"{"description":"anything"}"#, #""x""#, []),
            (#"{"not":{"type":"string"}}"#, "1", [#""x""#]),
        ] as [(String, String, [String])]) func keywordsSayTheType(schema: String, taken: String, refused: [String]) throws
    {
        let isTaken = try Self.takes(schema, taken, .ofKeywords)
        #expect(isTaken, "\(schema) takes \(taken)")
        for document in refused {
            let isTaken = try Self.takes(schema, document, .ofKeywords)
            #expect(!isTaken, "\(schema) does not take \(document)")
        }
    }

    @Test func otherwiseAllTypesAreAllowed() throws {
        for document in [#""x""#, "1", "null", "[]"] {
            let isTaken = try Self.takes(#"{"properties":{"a":{"type":"integer"}}}"#, document, .all)
            #expect(isTaken, "\(document)")
        }
    }
}
