import ShimmyCore
import ShimmyGrammar
import ShimmyJSON
import Testing

/// Schemas whose memory would grow with the product of two sizes that a client chooses.
@Suite struct SchemaBoundsTests {
    private static func properties(_ count: Int, _ schema: (Int) -> JSON) -> JSON {
        var properties: JSONObject = [:]
        for index in 0..<count { properties["p\(index)"] = schema(index) }
        return ["properties": .object(properties)]
    }

    @Test func aLongKeyMayNotHoldManyParts() throws {
        let long = String(repeating: "k", count: 1_000_000)
        let few = JSON.object(["properties": .object([long: Self.properties(3) { _ in ["type": "integer"] }])])
        #expect(throws: Never.self) { try SchemaGrammar(few, prefix: "s") }
        let many = JSON.object(["properties": .object([long: Self.properties(9_000) { _ in ["type": "integer"] }])])
        let error = #expect(throws: SchemaError.self) { try SchemaGrammar(many, prefix: "s") }
        #expect(error?.description.contains("JSON pointers") == true)
    }

    @Test func aLongIdentifierIsIgnored() throws {
        var schema: JSONObject = ["type": "integer", "$id": .string("http://x.y/" + String(repeating: "i", count: 1_000_000) + "/")]
        schema["$defs"] = Self.properties(9_000) { ["$id": .string("part-\($0)"), "type": "integer"] }["properties"]
        let begin = WorkClock.system.thread()
        #expect(throws: Never.self) { try SchemaGrammar(.object(schema), prefix: "s", mode: .lenient) }
        #expect(WorkClock.system.thread() - begin < .seconds(2))
    }
}
