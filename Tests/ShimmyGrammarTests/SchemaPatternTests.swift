import ShimmyGrammar
import ShimmyJSON
import Testing

/// Patterns with lookaround, flags and escapes of several dialects.
@Suite struct SchemaPatternTests {
    @Test(arguments: [
        (#"^(?!-)[a-z0-9-]{1,9}(?<!-)$"#, ["a-b", "a"], ["-a", "a-", "-", ""]), (#"^[a-z]+(?<=ing|ed)$"#, ["going", "red"], ["go", "ingo"]),
        (#"^(?=a)[a-z]+(?<!b)(?<!c)$"#, ["ad", "abd"], ["ab", "ac", "d"]), (#"^((?!foo).)*$"#, ["bar", "", "fo"], ["foo", "xfoox"]),
        (#"^(?:(?!foo|ba[rz]).)+$"#, ["x", "ba"], ["", "abar", "foo"]), (#"^((?!admin)[a-z]+)$"#, ["user"], ["admin", "administrator"]),
        (#"\A[a-z]+\Z"#, ["abc"], ["ab1", ""]), (#"\A(?!b)[a-c]\z"#, ["a"], ["b", "aa"]), (#"^\\A$"#, [#"\A"#], ["A", ""]),
        (#"^(?i:foo)-[a-z]$"#, ["FOO-a", "foo-b"], ["foo-A"]), (#"^(?i:a(?-i:b))c$"#, ["Abc", "abc"], ["ABc", "abC"]),
        (#"^(?s:.)$"#, ["\n", "a"], [""]), (#"^.$"#, ["a"], ["\n"]), (#"^(?is:a.)$"#, ["A\n"], ["b\n"]),
        (#"^\u{1F600}\u{41}$"#, ["😀A"], ["a"]), (#"^[\ud83c\udf00-\ud83d\ude4f]+$"#, ["😀", "🌀"], ["a", "\u{1F650}"]),
    ]) func patternsAreEnforced(pattern: String, taken: [String], refused: [String]) throws {
        let schema: JSON = ["type": "string", "pattern": .string(pattern)]
        try SchemaTests.check(schema.text, taken.map { JSON.string($0).text }, refused.map { JSON.string($0).text })
        #expect(throws: Never.self) { try SchemaGrammar(schema, prefix: "s-", mode: .exact) }
    }

    /// Lookaround elsewhere, and halves of characters, are reported.
    @Test(arguments: [
        #"^a(?<!b)c$"#, #"^a(?=b)b$"#, #"^a$|^b(?<!c)$"#, #"^((?!a).b)*$"#, #"^((?!a)b|c)$"#, #"^(?i)a(?x:b)$"#, #"^\ud83d$"#, #"^\ud83d\u0041$"#,
        #"^\u{110000}$"#, #"^\u{}$"#, #"^\u{41$"#, #"^\u+041$"#,
    ]) func patternsAreReported(pattern: String) throws {
        let schema: JSON = ["type": "string", "pattern": .string(pattern)]
        #expect(try SchemaTests.Compiled(schema).notes.map(\.pointer) == ["/pattern"])
    }
}
