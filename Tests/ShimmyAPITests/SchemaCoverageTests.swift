import ShimmyAPI
import Testing

/// The schemas of the OpenAPI document and the tables of fields belong together.
@Suite struct SchemaCoverageTests {
    @Test func everySchemaBelongsToAField() { #expect(SchemaCoverage.unused == []) }

    @Test func everySupportedFieldHasASchema() { #expect(SchemaCoverage.missing == []) }
}
