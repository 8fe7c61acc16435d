import ShimmyGrammar
import ShimmyJSON
import Testing

/// Schemas with an empty array where a keyword needs an object, and the reverse.
@Suite struct SchemaRepairTests {
    @Test(arguments: [
        (#"[]"#, "{}"),
        (#"{"type": "object", "properties": []}"#, #"{"type": "object", "properties": {}}"#),
        (#"{"properties": {"a": [], "b": {"properties": []}}}"#, #"{"properties": {"a": {}, "b": {"properties": {}}}}"#),
        (#"{"items": {"properties": []}}"#, #"{"items": {"properties": {}}}"#),
        (#"{"anyOf": [[], {"$defs": []}]}"#, #"{"anyOf": [{}, {"$defs": {}}]}"#),
        (#"{"additionalProperties": [], "dependencies": []}"#, #"{"additionalProperties": {}, "dependencies": {}}"#),
        (#"{"required": {}, "properties": {"a": {"required": {}}}}"#, #"{"required": [], "properties": {"a": {"required": []}}}"#),
    ])
    func anEmptyValueOfTheOtherTypeIsReplaced(given: String, repaired: String) throws {
        let (schema, expected) = (try JSON.parse(given), try JSON.parse(repaired))
        #expect(SchemaRepair.repaired(schema) == expected)
    }

    /// Empty arrays that are values, or lists in their own right, stay.
    @Test(arguments: [
        #"{"type": "object", "properties": {"a": {"enum": []}}, "required": []}"#, #"{"items": [], "anyOf": [], "default": [], "const": []}"#,
        #"{"dependencies": {"a": []}}"#, #"{"properties": {"a": true}}"#, "true", "[1]",
        #"{"properties": {"required": {}}, "required": {"a": 1}, "enum": [{}]}"#,
    ])
    func allElseStays(given: String) throws {
        let schema = try JSON.parse(given)
        #expect(SchemaRepair.repaired(schema) == nil)
    }
}
