import ShimmyCore
import ShimmyGrammar
import ShimmyJSON
import Testing

/// The documents that schemas accept, and the reports about schemas.
@Suite struct SchemaTests {
    private static let trie = TokenTrie(pieces: [], ends: [], controls: [:])

    struct Compiled {
        let grammar: CompiledGrammar
        let notes: [SchemaError]

        init(_ schema: JSON, mode: SchemaGrammar.Mode = .lenient, budget: GrammarBudget = GrammarBudget()) throws {
            let made = try SchemaGrammar(schema, prefix: "s-", mode: mode, budget: budget)
            notes = made.notes
            grammar = try CompiledGrammar("root ::= \(made.root)\n\(made.rules)", trie: trie, budget: budget)
        }

        func takes(_ document: JSON) -> Bool {
            var cursor = grammar.begin()
            return cursor.advance(document.canonicalText.utf8) && cursor.mayEnd
        }
    }

    private static func json(_ text: String) throws -> JSON { try JSON.parse(text) }

    static func check(_ schema: String, _ taken: [String], _ refused: [String], notes: Int = 0) throws {
        let compiled = try Compiled(json(schema))
        for document in taken { #expect(try compiled.takes(json(document)), "\(schema) takes \(document)") }
        for document in refused { #expect(try !compiled.takes(json(document)), "\(schema) does not take \(document)") }
        #expect(compiled.notes.count == notes, "\(schema): \(compiled.notes)")
    }

    // MARK: References and combinations

    @Test(arguments: [
        (##"{"$ref":"#/$defs/E","$defs":{"E":{"enum":["a"]}}}"##, [##""a""##], [##""b""##, "1"]),
        (##"{"allOf":[{"enum":[1,2],"type":"integer"}]}"##, ["1", "2"], ["3", ##""a""##]),
        (##"{"$ref":"#/$defs/A","$defs":{"A":{"anyOf":[{"type":"string"},{"type":"integer"}]}}}"##, ["1", ##""x""##], ["null", "[]"]),
        (##"{"allOf":[{"anyOf":[{"type":"string"},{"const":5}]}]}"##, ["5", ##""x""##], ["6"]),
        (
            ##"{"properties":{"a":{"$ref":"#/$defs/A"}},"additionalProperties":false,"$defs":{"A":{"oneOf":[{"type":"string"},{"type":"null"}]}}}"##,
            ["{}", ##"{"a":"x"}"##, ##"{"a":null}"##], [##"{"a":1}"##]
        ),
        (
            ##"{"type":"array","items":{"$ref":"#/$defs/A"},"$defs":{"A":{"anyOf":[{"type":"string"},{"type":"null"}]}}}"##,
            ["[]", ##"["x",null]"##], ["[1]"]
        ),
        (
            ##"{"allOf":[{"$ref":"#/$defs/A"},{"$ref":"#/$defs/A"}],"$defs":{"A":{"anyOf":[{"minimum":3},{"maximum":1}]}},"type":"integer"}"##,
            ["3", "1"], ["2"]
        ),
        // A schema that refers to itself directly adds no constraint.
        (##"{"$ref":"#/$defs/A","$defs":{"A":{"anyOf":[{"$ref":"#/$defs/A"},{"type":"string"}]}}}"##, [##""x""##], ["1"]),
        (##"{"anyOf":[{"$ref":"#/$defs/B"},{"type":"null"}],"$defs":{"B":{"anyOf":[{"$ref":"#"},{"type":"boolean"}]}}}"##, ["null", "true"], ["1"]),
        (##"{"$ref":"#list","$defs":{"A":{"$anchor":"list","type":"array","items":{"$ref":"#list"}}}}"##, ["[]", "[[],[[]]]"], ["[1]"]),
        (##"{"$id":"http://x.y/a.json","$ref":"b.json","$defs":{"B":{"$id":"b.json","type":"integer"}}}"##, ["1"], ["null"]),
        (
            ##"{"$schema":"http://json-schema.org/draft-04/schema#","$ref":"#/definitions/a","definitions":{"a":{"type":"array"}},"maxItems":1}"##,
            ["[1,2]"], ["1"]
        ),
    ]) func referencesAndCombinations(schema: String, taken: [String], refused: [String]) throws { try Self.check(schema, taken, refused) }

    /// What cannot be told apart exactly is enforced as `anyOf`, or not at all, and reported.
    @Test(arguments: [
        (##"{"oneOf":[{"type":"integer","multipleOf":2},{"type":"integer","multipleOf":3}]}"##, ["2", "3"], ["1", "1.5"]),
        (##"{"type":"integer","not":{"type":"integer","multipleOf":2}}"##, ["1", "2"], ["1.5"]),
        (##"{"type":"integer","multipleOf":1e40}"##, ["0", "7"], ["1.5"]),
        (##"{"type":"array","not":{"const":[1]}}"##, ["[1]", "[2]"], ["{}"]),
        (##"{"type":"integer","multipleOf":1e300}"##, ["0"], ["1.5"]),
    ]) func whatIsNotEnforcedExactlyIsReported(schema: String, taken: [String], refused: [String]) throws {
        let compiled = try Compiled(Self.json(schema))
        for document in taken { #expect(try compiled.takes(Self.json(document)), "\(schema) takes \(document)") }
        for document in refused { #expect(try !compiled.takes(Self.json(document)), "\(schema) does not take \(document)") }
        #expect(!compiled.notes.isEmpty)
    }

    @Test(arguments: [
        // The discriminating property has a default and is not required.
        (
            ##"""
            {"oneOf":[{"type":"object","properties":{"kind":{"const":"cat","default":"cat"},"lives":{"type":"integer"}},"required":["lives"]},
            {"type":"object","properties":{"kind":{"const":"dog","default":"dog"},"bark":{"type":"string"}},"required":["bark"]}]}
            """##, [##"{"kind":"cat","lives":9}"##, ##"{"kind":"dog","bark":"x"}"##],
            [##"{"kind":"cat","bark":"x"}"##, ##"{"kind":"cow","lives":1}"##]
        ),
        (
            ##"{"type":"object","properties":{"a":true,"b":true},"oneOf":[{"required":["a"]},{"required":["b"]}]}"##, [##"{"a":1}"##, ##"{"b":1}"##],
            ["{}", ##"{"a":1,"b":1}"##]
        ),
        (##"{"not":{"type":["string","null"]}}"##, ["1", "[]", "{}", "true"], ["null", ##""x""##]),
        (##"{"type":"string","not":{"enum":["a","b"]}}"##, [##""c""##, ##""ab""##, ##""""##], [##""a""##, ##""b""##]),
        (##"{"type":"integer","not":{"const":3}}"##, ["2", "33", "-3"], ["3"]),
        (##"{"type":"number","not":{"type":"integer"}}"##, ["1.5", "-0.01", "10.50"], ["1", "1.0", "0", "-3"]),
        (##"{"type":"number","minimum":2,"not":{"type":"integer"}}"##, ["2.5", "30.1"], ["1.5", "2", "3"]),
        (##"{"not":{"type":"integer"}}"##, ["1.5", "null", "[]"], ["1", "-2"]),
        (##"{"not":{"type":"integer","nullable":true}}"##, ["1.5", "[]"], ["1", "null"]),
        (##"{"type":"array","not":{"const":[]}}"##, ["[1]", "[[]]"], ["[]"]),
        (##"{"type":"array","not":{"enum":[[],["a"]]},"items":{"type":"integer"}}"##, ["[1]"], ["[]"]),
        (##"{"oneOf":[{"type":"integer","nullable":true},{"type":"string","nullable":true}]}"##, ["1", ##""x""##], ["null", "[]"]),
        (##"{"not":{"type":null,"const":1}}"##, ["2", "null"], ["1"]),
        (
            ##"{"$schema":"http://json-schema.org/draft-04/schema#","type":["integer","null"],"not":{"$ref":"#/definitions/a","type":"null"},"definitions":{"a":{"type":"integer"}}}"##,
            ["null"], ["1"]
        ),
        (##"{"not":{"enum":[{},null,""]}}"##, [##"{"a":1}"##, "[]", "1", ##""x""##], ["{}", "null", ##""""##]),
        (##"{"oneOf":[{"type":"number"},{"type":"integer"}]}"##, ["1.5", "-7.25"], ["1", "null"]),
        (##"{"oneOf":[{"type":"integer"},{"type":"number","minimum":5}]}"##, ["4", "-1", "5.5"], ["5", "6", "4.5"]),
        (##"{"type":"integer","minimum":1,"maximum":9,"not":{"multipleOf":2,"minimum":5}}"##, ["1", "4"], []),
        (##"{"type":"object","not":{"required":["a"]}}"##, ["{}", ##"{"b":1}"##], [##"{"a":1}"##]),
        (##"{"type":"string","not":{"pattern":"^a"}}"##, [##""b""##, ##""ba""##, ##""""##], [##""a""##, ##""ab""##]),
        (
            ##"{"type":"object","properties":{"a":{"enum":[1,2]},"b":true},"if":{"properties":{"a":{"const":1}},"required":["a"]},"then":{"required":["b"]}}"##,
            [##"{"a":1,"b":0}"##, ##"{"a":2}"##, "{}"], [##"{"a":1}"##]
        ),
        (
            ##"{"type":"object","properties":{"a":true,"b":true},"dependentRequired":{"a":["b"]},"additionalProperties":false}"##,
            ["{}", ##"{"b":1}"##, ##"{"a":1,"b":1}"##], [##"{"a":1}"##]
        ),
        (
            ##"{"type":"object","properties":{"a":true,"b":true},"dependencies":{"a":{"properties":{"b":{"type":"integer"}}}}}"##,
            [##"{"a":1,"b":1}"##, ##"{"b":"x"}"##, ##"{"a":1}"##], [##"{"a":1,"b":"x"}"##]
        ),
        // Listed values are held against the other keywords exactly.
        (##"{"enum":[9007199254740993,1],"maximum":9007199254740992}"##, ["1"], ["9007199254740993"]),
        (##"{"enum":[9007199254740993,4],"multipleOf":2}"##, ["4"], ["9007199254740993"]),
        (##"{"enum":[1.0000000001,3,0],"multipleOf":1}"##, ["3", "0"], ["1.0000000001"]),
        (##"{"enum":[1e300,14,-7.0],"multipleOf":7}"##, ["14", "-7.0"], ["1e300"]),
        (##"{"enum":[0.3,0.35,1e-1],"multipleOf":0.1}"##, ["0.3", "1e-1"], ["0.35"]),
        (##"{"enum":[{"z":1},{"a":1}],"properties":{"a":true},"unevaluatedProperties":false}"##, [##"{"a": 1}"##], [##"{"z": 1}"##]),
        (##"{"enum":[[1,2],[1]],"prefixItems":[true],"unevaluatedItems":false}"##, ["[1]"], ["[1, 2]"]),
        (##"{"enum":[[1,2,3],[5]],"contains":{"const":2},"minContains":1}"##, ["[1, 2, 3]"], ["[5]"]),
        (##"{"type":"array","contains":{"const":1}}"##, ["[1]", "[2,1,3]"], ["[]", "[2]"]),
        (##"{"type":"array","contains":{"const":1},"minContains":0}"##, ["[]", "[2]", "[1,1]"], ["{}"]),
        (##"{"type":"array","items":{"enum":[1,2]},"contains":{"const":1},"minContains":0,"uniqueItems":true}"##, ["[]", "[2]"], ["[2,2]"]),
        (##"{"type":"array","prefixItems":[{"const":1}],"unevaluatedItems":false}"##, ["[]", "[1]"], ["[1,2]", "[2]"]),
        (##"{"type":"object","properties":{"a":true},"unevaluatedProperties":false}"##, [##"{"a":1}"##], [##"{"c":1}"##]),
        // The first constant property is the same in both alternatives.
        (
            ##"""
            {"oneOf":[{"type":"object","properties":{"v":{"const":1},"kind":{"const":"a"},"x":{"type":"integer"}},"required":["v","x"]},
            {"type":"object","properties":{"v":{"const":1},"kind":{"const":"b"},"y":{"type":"integer"}},"required":["v","y"]}]}
            """##, [##"{"v":1,"kind":"a","x":1}"##, ##"{"v":1,"kind":"b","y":1}"##, ##"{"v":1,"x":1}"##],
            [##"{"v":1,"kind":"c","x":1}"##, ##"{"v":2,"kind":"a","x":1}"##, ##"{"v":1,"x":1,"y":1}"##]
        ),
        // The answers of JSON-RPC.
        (
            ##"""
            {"oneOf":[{"allOf":[{"$ref":"#/$defs/common"},{"required":["result"]}]},{"allOf":[{"$ref":"#/$defs/common"},{"required":["error"]}]}],
            "$defs":{"common":{"type":"object","properties":{"v":{"enum":["2.0"]}},"required":["v"],"not":{"required":["result","error"]}}}}
            """##, [##"{"v":"2.0","result":1}"##, ##"{"v":"2.0","error":1}"##],
            [##"{"v":"2.0"}"##, ##"{"v":"2.0","result":1,"error":1}"##, ##"{"v":"1.0","result":1}"##]
        ),
        // One alternative requires the property that distinguishes them; its values are behind references.
        (
            ##"""
            {"oneOf":[{"type":"object","properties":{"k":{"$ref":"#/$defs/A"}},"required":["k"]},
            {"type":"object","properties":{"k":{"$ref":"#/$defs/B"}}}],"$defs":{"A":{"const":"a"},"B":{"enum":["b","c"]}}}
            """##, [##"{"k":"a"}"##, ##"{"k":"c"}"##, "{}"], [##"{"k":"d"}"##]
        ),
        // No key fits the patterns of two alternatives, or a required key fits no pattern.
        (
            ##"""
            {"type":"object","oneOf":[{"patternProperties":{"^[0-9]+x$":{"type":"integer"}},"additionalProperties":false,"minProperties":1},
            {"patternProperties":{"^[a-z]{2}$":{"type":"integer"}},"additionalProperties":false,"minProperties":1},
            {"properties":{"ios":{"type":"integer"}},"required":["ios"],"additionalProperties":false}]}
            """##, [##"{"1x":1,"2x":2}"##, ##"{"en":1}"##, ##"{"ios":1}"##], ["{}", ##"{"1x":1,"en":2}"##, ##"{"ios":1,"en":1}"##]
        ),
        // A property that is required by itself, as in draft 3.
        (
            ##"{"type":"object","properties":{"a":{"type":"integer","required":true},"b":{"type":"integer","required":false}}}"##,
            [##"{"a":1}"##, ##"{"a":1,"b":2}"##], ["{}", ##"{"b":2}"##]
        ),
        (##"{"not":{"type":"object","properties":{"a":{"required":true}}}}"##, ["{}", ##"{"b":1}"##, "1"], [##"{"a":1}"##]),
        (##"{"enum":[{},{"a":1}],"properties":{"a":{"required":true}}}"##, [##"{"a":1}"##], ["{}"]),
        // The properties of an alternative keep their place among those of the other schemas.
        (
            ##"""
            {"allOf":[{"oneOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"a":{"const":2}},"required":["a"]}]},
            {"type":"object","properties":{"b":true}}]}
            """##, [##"{"a":1,"b":0}"##, ##"{"a":2}"##], [##"{"b":0}"##, ##"{"b":0,"a":1}"##]
        ),
    ]) func logic(schema: String, taken: [String], refused: [String]) throws {
        let compiled = try Compiled(Self.json(schema))
        for document in taken { #expect(try compiled.takes(Self.json(document)), "\(schema) takes \(document)") }
        for document in refused { #expect(try !compiled.takes(Self.json(document)), "\(schema) does not take \(document)") }
        #expect(compiled.notes.isEmpty)
    }

    /// An alternative of which a negation would leave nothing is enforced without the negation, and reported.
    @Test func alternativesKeepTheirValues() throws {
        let schema = ##"""
            {"oneOf":[{"type":"object","properties":{"ref":{"type":"string"}},"required":["ref"],"additionalProperties":false},
            {"type":"object","patternProperties":{"^[a-z]{3}$":{"oneOf":[{"const":"x"},{"const":"y"}]}},"additionalProperties":false,"minProperties":1}]}
            """##
        let compiled = try Compiled(Self.json(schema))
        #expect(try compiled.takes(Self.json(##"{"ref":"primary"}"##)) && compiled.takes(Self.json(##"{"abc":"x"}"##)))
        #expect(try !compiled.takes(Self.json("{}")) && !compiled.takes(Self.json(##"{"abc":"z"}"##)))
        #expect(compiled.notes.map(\.pointer) == ["/oneOf"])
    }

    // MARK: Strings, numbers, arrays, objects

    /// The schemas that Pydantic makes of `set[Enum]`, `set[Enum | None]` and `set[bool]`, also in exact mode.
    @Test(arguments: [
        (
            ##"{"type":"array","items":{"$ref":"#/$defs/E"},"uniqueItems":true,"$defs":{"E":{"enum":["a","b"],"type":"string"}}}"##,
            ["[]", ##"["b","a"]"##], [##"["a","a"]"##]
        ),
        (
            ##"{"type":"array","items":{"anyOf":[{"$ref":"#/$defs/E"},{"type":"null"}]},"uniqueItems":true,"$defs":{"E":{"enum":["a","b"]}}}"##,
            [##"[null,"a"]"##], ["[null,null]", ##"["a",null,"a"]"##]
        ),
        (##"{"type":"array","items":{"type":"boolean"},"uniqueItems":true}"##, ["[true,false]"], ["[true,true]", "[null]"]),
        (##"{"type":"array","items":{"enum":[1,2,3,4,5,6,7]},"uniqueItems":true,"minItems":7}"##, ["[7,6,5,4,3,2,1]"], ["[1,2,3,4,5,6]"]),
        // One value is the beginning of another.
        (
            ##"{"type":"array","items":{"enum":[1,11,111,2,3,4,5,6,7,8]},"uniqueItems":true}"##,
            ["[]", "[111,1,11]", "[1]", "[8,7,6,5,4,3,2,1,11,111]"], ["[1,1]", "[11,1,11]", "[12]", "[1111]"]
        ),
        (##"{"type":"array","items":{"enum":[1,2,3,4,5,6,7,8,9]},"uniqueItems":true,"minItems":1}"##, ["[9,1]"], ["[]", "[9,9]"]),
    ]) func uniqueListedValues(schema: String, taken: [String], refused: [String]) throws {
        try Self.check(schema, taken, refused)
        #expect(throws: Never.self) { try SchemaGrammar(Self.json(schema), prefix: "s-", mode: .exact) }
    }

    /// The patterns that Pydantic makes of `Decimal`, which begin with a lookahead that has anchors.
    @Test(arguments: [
        (#"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"#, ["1.5", "-007.", ".5", "0"], ["", "-", ".", "1.5.2", "a"]),
        (#"^(?!^[-+.]*$)[+-]?0*\d*\.?\d{0,2}0*$"#, ["1.5", "1.25000"], ["1.255", "+."]),
        // The last group has an alternative without an end, which matches every text.
        (#"^(?!^[-+.]*$)[+-]?0*(?:\d{0,3}|(?=[\d.]{1,6}0*$)\d{0,3}\.\d{0,2}0*$)"#, ["1.5", "12345"], ["", "-", "..."]),
        (#"^(?!a$|^b)[a-c]*$"#, ["ab", "c", ""], ["a", "b", "ba"]), (#"^x(?:a|b$)"#, ["xac", "xb"], ["xbc", "x"]),
    ]) func anchorsInsideOfPatterns(pattern: String, taken: [String], refused: [String]) throws {
        let schema: JSON = ["type": "string", "pattern": .string(pattern)]
        try Self.check(schema.text, taken.map { JSON.string($0).text }, refused.map { JSON.string($0).text })
        #expect(throws: Never.self) { try SchemaGrammar(schema, prefix: "s-", mode: .exact) }
    }

    @Test func hostNamesHaveALength() throws {
        let name = String(repeating: "a.", count: 126) + "a"
        try Self.check(##"{"type":"string","format":"hostname"}"##, ["\"\(name)\""], ["\"\(name).a\"", "\"\(name)aa\""])
        #expect(throws: SchemaError.self) { try Compiled(["type": "string", "format": "hostname", "minLength": 254]) }
    }

    /// White space is that of ECMA-262, so that no text with a space matches "\\S".
    @Test func whiteSpaceOfPatterns() throws {
        let spaces = [" ", "\t", "\u{A0}", "\u{2003}", "\u{2029}", "\u{FEFF}"].map { JSON.string($0).text }
        try Self.check(##"{"type":"string","pattern":"^\\s$"}"##, spaces, [##""a""##, ##""é""##])
        try Self.check(##"{"type":"string","pattern":"^\\S$"}"##, [##""a""##, ##""é""##], spaces)
        try Self.check(##"{"type":"string","pattern":"^[\\s\\S]$"}"##, spaces + [##""a""##], [##""ab""##])
    }

    /// An unknown keyword can contain anything.
    @Test func identifiersInUnknownKeywordsComeLast() throws {
        let other = ##"{"list":[{"$id":"http://e.org/x","type":"null"}]}"##
        try Self.check(
            ##"{"other":\##(other),"$defs":{"a":{"not":\##(other)},"list":{"$id":"http://e.org/x","type":"string"}},"$ref":"http://e.org/x"}"##,
            [##""a""##], ["null", "1"])
        try Self.check(##"{"other":\##(other),"$ref":"http://e.org/x"}"##, ["null"], [##""a""##, "1"])
    }

    @Test func everydayLengthsAndFormats() throws {
        for format in ["email", "uri", "hostname", "date-time", "iri", "uri-reference"] {
            #expect(throws: Never.self) { try Self.check(##"{"type":"string","format":"\##(format)","maxLength":255}"##, [], ["1"]) }
        }
        let local = String(repeating: "a", count: 243)
        try Self.check(
            ##"{"type":"string","format":"email","maxLength":255}"##, [##""a@b.co""##, "\"\(local)@example.com\""],
            ["\"\(local)a@example.com\"", ##""a""##])
        try Self.check(
            ##"{"type":"string","format":"hostname","minLength":5,"maxLength":7}"##, [##""a.b.c""##, ##""abc.com""##],
            [##""a.b""##, ##""abcd.com""##])
    }

    @Test(arguments: [
        (
            "uri", ["file:///path/a.js", "https://[::1]:80/x", "http://user:pw@host/", "urn:a:b", "mailto:a@b"],
            ["a", "//host/x", "http://a b", "http://[::1", "1:a"]
        ),
        ("hostname", ["a", "example.com", "a-b.c", "xn--a.de"], ["-a", "a-", "a..b", "a_b", ".a", String(repeating: "a", count: 64)]),
        ("uri-reference", ["/a/b", "//h/x", "?q=1", "#f", "a:b", "", "a/b:c"], ["\\\\a", "a b", "1:b", "%zz"]),
        ("json-pointer", ["", "/a/0", "/~0~1"], ["a", "/~2"]), ("duration", ["P1D", "PT1H30M", "P2W"], ["P", "1D", "PT"]),
        ("iri", ["http://é/日"], ["é"]), ("idn-email", ["ü@é.de"], ["@a"]), ("ipv6", ["::ffff:1.2.3.4", "::1"], [":1", "1:2"]),
    ]) func formats(name: String, taken: [String], refused: [String]) throws {
        try Self.check(##"{"type":"string","format":"\##(name)"}"##, taken.map { JSON.string($0).text }, refused.map { JSON.string($0).text })
    }

    @Test func unknownFormatsAreAnnotations() throws {
        try Self.check(##"{"type":"string","format":"entity_id"}"##, [##""x""##], ["1"])
        #expect(throws: SchemaError.self) { try SchemaGrammar(["type": "string", "format": "entity_id"], prefix: "s-", mode: .exact) }
    }

    @Test(arguments: [
        (##"{"type":"integer","multipleOf":1000}"##, ["0", "5000", "-1000"], ["500", "1001"]),
        (##"{"type":"number","multipleOf":0.01}"##, ["0.25", "3", "12.5"], ["0.001"]), (##"{"type":"number","multipleOf":1e-300}"##, [], []),
        (##"{"type":"number","maximum":1e308}"##, ["5", "1.5", "-1000000"], []),
        (##"{"type":"number","exclusiveMinimum":1e-300}"##, ["0.1", "1"], ["0", "-1"]),
        (
            ##"{"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807}"##, ["9223372036854775807", "-5"],
            ["9223372036854775808"]
        ),
        (##"{"type":"number","minimum":0.30000000000000000000000001}"##, ["0.4", "0.300001"], ["0.3", "0.2"]),
        (##"{"type":"number","maximum":-0.30000000000000000000000001}"##, ["-0.4", "-0.300001"], ["-0.3", "-0.2"]),
    ]) func numbers(schema: String, taken: [String], refused: [String]) throws {
        let compiled = try Compiled(Self.json(schema))
        for document in taken { #expect(try compiled.takes(Self.json(document)), "\(schema) takes \(document)") }
        for document in refused { #expect(try !compiled.takes(Self.json(document)), "\(schema) does not take \(document)") }
    }

    @Test func hugeNumbersAreErrorsOrHarmless() throws {
        let digits = String(repeating: "9", count: 50_000)
        #expect(throws: SchemaError.self) { try Compiled(Self.json(##"{"type":"integer","minimum":\##(digits)}"##)) }
        for keyword in ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"] {
            for number in ["1e30", "9223372036854775808", "9223372036854775807"] {
                _ = try? Compiled(Self.json(##"{"\##(keyword)":\##(number)}"##))
            }
            #expect(throws: SchemaError.self) { try Compiled(Self.json(##"{"\##(keyword)":-1}"##)) }
        }
    }

    @Test(arguments: ["[]|(]x", "[^]|(]x", "a(?:[]|$]b|c$)"]) func aBracketAtTheStartOfASetIsAMember(pattern: String) throws {
        #expect(throws: Never.self) { try Compiled(["type": "string", "pattern": .string(pattern)]) }
    }

    /// Each value of the property fits one of the conditions, so their combinations are few.
    @Test func manyConditionsOnOneProperty() throws {
        let conditions = (0..<16).map { index -> JSON in
            [
                "if": ["properties": ["kind": ["const": .string("k\(index)")]]],
                "then": ["properties": .object(["x\(index)": ["type": "integer"]]), "required": [.string("x\(index)")]],
            ]
        }
        let kinds = (0..<16).map { JSON.string("k\($0)") }
        let schema: JSON = [
            "type": "object", "properties": ["kind": ["enum": .array(kinds)]], "required": ["kind"], "allOf": .array(conditions),
        ]
        let compiled = try Compiled(schema)
        #expect(compiled.takes(["kind": "k3", "x3": 1]) && compiled.takes(["kind": "k15", "x15": 1]))
        #expect(!compiled.takes(["kind": "k3"]) && !compiled.takes(["kind": "k3", "x4": 1]) && !compiled.takes(["kind": "k3", "x3": "a"]))
    }

    @Test func manyPrefixItems() throws {
        let items = (0..<500).map { JSON.object(["const": .int($0)]) }
        let compiled = try Compiled(["type": "array", "prefixItems": .array(items), "minItems": 499])
        #expect(compiled.takes(.array((0..<500).map { .int($0) })) && !compiled.takes(.array((0..<498).map { .int($0) })))
    }

    @Test(arguments: [
        (
            ##"{"type":"object","properties":{"a":{"type":"integer"}}}"##, [##"{"a":1}"##, "{}", ##"{"b":"x"}"##, ##"{"a":1,"aa":null,"b":[]}"##],
            [##"{"a":"x"}"##, ##"{"b":1,"a":"x"}"##]
        ),
        (
            ##"{"type":"object","patternProperties":{"^a":{"type":"integer"},"b$":{"minimum":5}},"additionalProperties":{"type":"string"}}"##,
            [##"{"a":1,"ab":6,"b":5,"c":"x"}"##, ##"{"b":"x"}"##], [##"{"ab":1}"##, ##"{"a":"x"}"##, ##"{"c":1}"##]
        ),
        (##"{"type":"object","patternProperties":{"^x-":true},"additionalProperties":false}"##, ["{}", ##"{"x-a":[1]}"##], [##"{"y":1}"##]),
        (##"{"type":"object","propertyNames":{"pattern":"^[a-c]$"}}"##, [##"{"a":1,"c":2}"##], [##"{"d":1}"##, ##"{"aa":1}"##]),
        (
            ##"{"properties":{"a":true,"b":true},"required":["b"],"minProperties":2,"maxProperties":2,"additionalProperties":false}"##,
            [##"{"a":1,"b":2}"##], [##"{"b":1}"##]
        ),
        (##"{"properties":{"a":null,"b":{"type":"integer"}},"required":null,"description":null}"##, [], []),
    ]) func objects(schema: String, taken: [String], refused: [String]) throws {
        guard let compiled = try? Compiled(Self.json(schema)) else {
            #expect(taken.isEmpty)
            return
        }
        for document in taken { #expect(try compiled.takes(Self.json(document)), "\(schema) takes \(document)") }
        for document in refused { #expect(try !compiled.takes(Self.json(document)), "\(schema) does not take \(document)") }
    }

    // MARK: Reports

    @Test(arguments: [
        (##"{"type":"array","items":{"type":"integer"},"uniqueItems":true}"##, "/uniqueItems"),
        (##"{"type":"array","items":{"enum":[1,2,3,4,5,6,7,8,9]},"uniqueItems":true,"maxItems":3}"##, "/uniqueItems"),
        (##"{"type":"string","pattern":"(?=a)b"}"##, "/pattern"),
        (##"{"properties":{"a/b":{"$ref":"https://example.org/x"}}}"##, "/properties/a~1b/$ref"), (##"{"not":{"format":"date"}}"##, "/not"),
        (##"{"$ref":"#/nowhere"}"##, "/$ref"), (##"{"type":"object","minProperties":2}"##, "/minProperties"),
    ]) func keywordsThatCannotBeEnforced(schema: String, pointer: String) throws {
        let compiled = try Compiled(Self.json(schema))
        #expect(compiled.notes.map(\.pointer) == [pointer])
        #expect(throws: SchemaError.self) { try SchemaGrammar(Self.json(schema), prefix: "s-", mode: .exact) }
    }

    @Test(arguments: [
        (##"{"type":"strin"}"##, "/type"), (##"{"properties":[]}"##, "/properties"),
        (##"{"anyOf":[]}"##, "/anyOf"),
        (##"{"type":"integer","multipleOf":0}"##, "/multipleOf"), (##"{"minLength":-1}"##, "/minLength"), ("5", ""),
        (##"{"type":"string","pattern":"("}"##, "/pattern"), (##"{"type":"string","pattern":"[a-"}"##, "/pattern"),
        (##"{"type":"string","pattern":"*a|b*"}"##, "/pattern"), (##"{"type":"string","pattern":"a{3,2}"}"##, "/pattern"),
        (##"{"type":"object","patternProperties":{"a/)":true}}"##, "/patternProperties/a~1)"),
    ]) func malformedSchemasAreErrors(schema: String, pointer: String) throws {
        let error = #expect(throws: SchemaError.self) { try Compiled(Self.json(schema)) }
        #expect(error?.pointer == pointer)
    }

    @Test func limitsNameThemselves() throws {
        var limits = InputLimits.standard
        limits.compileSeconds = 0
        let schema: JSON = ["type": "object", "properties": ["a": ["type": "string"]]]
        let error = #expect(throws: SchemaError.self) { try SchemaGrammar(schema, prefix: "s-", budget: GrammarBudget(limits: limits)) }
        #expect(error?.reason.contains("compileSeconds") == true)
    }

    /// The arguments of many tools, each with its own properties and with additional properties allowed, fit into one grammar.
    @Test func manyOpenObjectsFitIntoOneGrammar() throws {
        var rules = ""
        var roots: [String] = []
        for tool in 0..<64 {
            let properties = (0..<8).map { "\"parameter_\($0)_of_\(tool)\": {\"type\": \"string\"}" }.joined(separator: ", ")
            let schema = try JSON.parse("{\"type\": \"object\", \"properties\": {\(properties)}, \"required\": [\"parameter_0_of_\(tool)\"]}")
            let grammar = try SchemaGrammar(schema, prefix: "t\(tool)-")
            roots.append(grammar.root)
            rules += grammar.rules
        }
        let compiled = try CompiledGrammar("root ::= \(roots.joined(separator: " | "))\n\(rules)", trie: Self.trie)
        var cursor = compiled.begin()
        #expect(cursor.advance(Array(#"{"parameter_0_of_63": "a", "parameter_9": "\u0007\n\" é"}"#.utf8)) && cursor.mayEnd)
    }
}
