import ShimmyCore
import ShimmyGrammar
import ShimmyJSON
import Testing

/// Checks of values against schemas.
@Suite struct SchemaCheckTests {
    private static let schema: JSON = [
        "type": "object", "properties": ["age": ["type": "integer", "minimum": 1], "names": ["type": "array", "items": ["$ref": "#/$defs/name"]]],
        "required": ["age"], "additionalProperties": false, "$defs": ["name": ["type": "string", "pattern": "^[a-z]+$"]],
    ]

    @Test(
        arguments: [
            (#"{"age": 3}"#, true), (#"{"age": 3, "names": ["ann", "bo"]}"#, true), ("{}", false), (#"{"age": 0}"#, false),
            (#"{"age": "3"}"#, false), (#"{"age": 3, "size": 1}"#, false), (#"{"age": 3, "names": ["Ann"]}"#, false), ("[]", false),
        ] as [(String, Bool)])
    func aValueFitsOrNot(text: String, fits: Bool) throws {
        #expect(SchemaCheck.accepts(try JSON.parse(text), by: Self.schema) == fits)
    }

    @Test func whatCannotBeCheckedFits() {
        #expect(SchemaCheck.accepts(1, by: true) && !SchemaCheck.accepts(1, by: false))
        #expect(SchemaCheck.accepts("a", by: ["type": "unheard of"]))
        let endless: JSON = ["$ref": "#/$defs/a", "$defs": ["a": ["anyOf": [["$ref": "#/$defs/a"], ["$ref": "#/$defs/a"]]]]]
        #expect(SchemaCheck.accepts(1, by: endless, budget: GrammarBudget(work: WorkBudget(seconds: 0.05))))
        let many = JSON.array(Array(repeating: 1, count: 100_000))
        #expect(SchemaCheck.accepts(many, by: ["uniqueItems": true]))
    }
}
