import ShimmyGrammar
import ShimmyJSON
import Testing

/// Schemas that contradict themselves.
@Suite struct SchemaContradictionTests {
    private static func fits(_ schema: String, _ document: String) throws -> Bool {
        try SchemaTests.Compiled(JSON.parse(schema)).takes(JSON.parse(document))
    }

    /// Functions are often described so. The rest of the schema is enforced, and the contradiction is reported.
    @Test(arguments: [
        // Each alternative requires a property that every object has.
        (
            ##"{"type":"object","properties":{"a":{"type":"integer"},"b":true},"required":["a","b"],"oneOf":[{"required":["a"]},{"required":["b"]}]}"##,
            ["/oneOf"]
        ),
        (##"{"type":"object","properties":{"a":{"type":"integer"},"b":true},"required":["a","b"],"not":{"required":["a"]}}"##, ["/not"]),
        (
            ##"""
            {"type":"object","properties":{"a":{"type":"integer"},"b":true},"required":["a","b"],"oneOf":[{"required":["a"],"not":{"required":["b"]}},
            {"required":["b"],"not":{"required":["a"]}}]}
            """##, ["/oneOf/0/not", "/oneOf/1/not"]
        ),
        (
            ##"""
            {"type":"object","properties":{"a":{"type":"integer"},"b":{"oneOf":[{"type":"string"},{"type":"string"}]}},"required":["a","b"]}
            """##, ["/properties/b/oneOf"]
        ),
    ]) func contradictionsAreReported(schema: String, pointers: [String]) throws {
        #expect(try Self.fits(schema, ##"{"a":1,"b":"x"}"##))
        for document in ["{}", ##"{"a":1}"##, ##"{"a":"x","b":"x"}"##, "1"] { #expect(try !Self.fits(schema, document)) }
        let notes = try SchemaTests.Compiled(JSON.parse(schema)).notes
        #expect(notes.map(\.pointer).sorted() == pointers)
        #expect(throws: SchemaError.self) { try SchemaGrammar(JSON.parse(schema), prefix: "s-", mode: .exact) }
    }

    /// No object has an optional property whose schema contradicts itself, so that nothing has to be reported.
    @Test func contradictionsOfOptionalPropertiesExcludeThem() throws {
        let schema = ##"{"type":"object","properties":{"a":{"type":"integer","oneOf":[{"minimum":1},{"minimum":1}]}}}"##
        #expect(try Self.fits(schema, "{}") && !Self.fits(schema, ##"{"a":1}"##))
        #expect(try SchemaTests.Compiled(JSON.parse(schema)).notes.isEmpty)
    }

    @Test(arguments: [##"{"not":{}}"##, ##"{"oneOf":[false,false]}"##, ##"{"type":"integer","minimum":2,"maximum":1}"##, "false"])
    func schemasOfNoValueAreErrors(schema: String) throws {
        let error = #expect(throws: SchemaError.self) { try SchemaTests.Compiled(JSON.parse(schema)) }
        #expect(error?.saysNoValueFits == true)
    }
}
