import ShimmyCore
import ShimmyGrammar
import ShimmyJSON
import Synchronization
import Testing

/// Alternatives of schemas: their exactness, and the cost of many of them.
@Suite struct SchemaAlternativeTests {
    /// The messages of JSON-RPC, without `additionalProperties`.
    private static let messages = ##"""
        {"oneOf":[{"$ref":"#/$defs/request"},{"$ref":"#/$defs/result"},{"$ref":"#/$defs/error"}],"$defs":{
        "request":{"type":"object","properties":{"jsonrpc":{"const":"2.0"},"id":{"type":["string","integer"]},"method":{"type":"string"},
        "params":{"type":"object"}},"required":["jsonrpc","id","method"]},
        "result":{"type":"object","properties":{"jsonrpc":{"const":"2.0"},"id":{"type":["string","integer"]},"result":{"type":"object"}},
        "required":["jsonrpc","id","result"]},
        "error":{"type":"object","properties":{"jsonrpc":{"const":"2.0"},"id":{"type":["string","integer"]},"error":{"type":"object",
        "properties":{"code":{"type":"integer"},"message":{"type":"string"},"data":{}},"required":["code","message"]}},
        "required":["jsonrpc","id","error"]}}}
        """##

    // MARK: oneOf

    @Test func messagesThatShareAConstantAreExact() throws {
        let start = ##""jsonrpc":"2.0","id":1"##
        try SchemaTests.check(
            Self.messages,
            [
                "{\(start),\"method\":\"m\"}", "{\(start),\"method\":\"m\",\"params\":{\"a\":1}}", "{\(start),\"result\":{}}",
                "{\(start),\"error\":{\"code\":1,\"message\":\"x\"}}",
            ],
            [
                "{\(start)}", "{\(start),\"result\":{},\"error\":{\"code\":1,\"message\":\"x\"}}", "{\(start),\"result\":{},\"method\":\"m\"}",
                ##"{"jsonrpc":"1.0","id":1,"result":{}}"##,
            ])
    }

    @Test(arguments: [
        // Arrays whose elements exclude each other have the empty array in common.
        (
            ##"{"oneOf":[{"type":"array","items":{"type":"string"}},{"type":"array","items":{"type":"integer"}}]}"##, [##"["a","b"]"##, "[1]"],
            ["[]", ##"[1,"a"]"##]
        ),
        (
            ##"{"oneOf":[{"type":"array","items":{"type":"string"},"minItems":1},{"type":"array","items":{"type":"integer"}}]}"##,
            [##"["a"]"##, "[1]", "[]"], [##"[1,"a"]"##]
        ),
        (
            ##"{"oneOf":[{"type":"array","items":{"type":"string"}},{"type":"array","items":{"type":"integer"},"contains":{}}]}"##,
            ["[]", ##"["a"]"##, "[1]"], [##"[1,"a"]"##]
        ),
        // The members of the inner `oneOf` overlap, so that a string does not fit it.
        (
            ##"{"oneOf":[{"title":"any"},{"type":"string"},{"type":"array","items":{"oneOf":[{},{"type":"string"}]},"minItems":1}]}"##,
            [##"["a"]"##, ##"[1,"a"]"##, "[]", "1", "{}"], ["[1]", ##""a""##]
        ),
        // Every value of the first member fits the second one.
        (##"{"oneOf":[{"type":"integer","minimum":3},{"type":"integer"}]}"##, ["2"], ["3", ##""a""##]),
        (##"{"not":{"items":{"type":"integer"}}}"##, ["[null]", "[1,null]"], ["[]", "[1]", "1"]),
        (##"{"type":"array","not":{"contains":{"type":"integer"}}}"##, ["[]", "[null]"], ["[1]", "[null,1]"]),
        (##"{"type":"array","not":{"contains":true}}"##, ["[]"], ["[1]"]),
    ]) func alternatives(schema: String, taken: [String], refused: [String]) throws { try SchemaTests.check(schema, taken, refused) }

    /// A negation that is not exact must not exclude all values.
    @Test func aNegationThatIsNotExactIsReported() throws {
        try SchemaTests.check(
            ##"""
            {"type":"array","not":{"oneOf":[{"type":"array","items":{"format":"date"}},{"type":"object"},{"type":"array","items":{"const":1}}]}}
            """##, ["[[1]]", "[1]"], ["1"], notes: 1)
    }

    @Test(arguments: [nil, false] as [Bool?]) func manyDiscriminatedAlternativesCostLittle(additional: Bool?) throws {
        let members = (0..<600).map { number -> JSON in
            var member: JSONObject = [
                "type": "object", "properties": .object(["kind": ["const": .string("k\(number)")], "b\(number)": ["type": "integer"]]),
                "required": ["kind"],
            ]
            member["additionalProperties"] = additional.map { .bool($0) }
            return .object(member)
        }
        let compiled = try SchemaTests.Compiled(["oneOf": .array(members)])
        #expect(compiled.takes(["kind": "k599", "b599": 1]) && compiled.takes(["kind": "k0"]))
        #expect(!compiled.takes(["kind": "k600"]) && !compiled.takes(["kind": "k5", "b5": "x"]) && !compiled.takes([:]))
        #expect(compiled.notes.isEmpty)
    }

    /// Titles and types beside constants, as for enums with descriptions.
    @Test(arguments: ["anyOf", "oneOf"]) func alternativesOfConstantsAreOneList(key: String) throws {
        let members = (0..<1_100).map { number -> JSON in ["const": .string("v\(number)"), "title": "t", "type": "string"] }
        let wrong: JSON = ["const": 5, "type": "string"]
        let compiled = try SchemaTests.Compiled([.init(stringLiteral: key): .array(members + [["enum": ["v7", "w", "é", "e\u{301}"]], wrong])])
        #expect(compiled.takes("v0") && compiled.takes("v1099") && compiled.takes("w") && compiled.takes("é") && compiled.takes("e\u{301}"))
        #expect(compiled.takes("v7") == (key == "anyOf") && !compiled.takes("v1100") && !compiled.takes(5))
        #expect(compiled.notes.isEmpty)
    }

    /// Each alternative has a property of its own, as for enums of Rust.
    @Test func manyAlternativesWithTheirOwnPropertyCostLittle() throws {
        let members = (0..<600).map { number -> JSON in
            [
                "type": "object", "properties": .object(["T\(number)": ["type": "integer"]]), "required": [.string("T\(number)")],
                "additionalProperties": false,
            ]
        }
        let compiled = try SchemaTests.Compiled(["oneOf": .array(members)])
        #expect(compiled.takes(["T0": 1]) && compiled.takes(["T599": 1]) && !compiled.takes(["T0": "x"]) && !compiled.takes(["T0": 1, "T1": 1]))
        #expect(compiled.notes.isEmpty)
    }

    /// Alternatives with equal values of the property are still compared.
    @Test func alternativesThatShareAValueAreDistinguished() throws {
        try SchemaTests.check(
            ##"""
            {"type":"object","oneOf":[{"properties":{"k":{"const":"a"},"x":{"type":"integer"}},"required":["k","x"]},
            {"properties":{"k":{"enum":["a","b"]},"x":{"type":"integer"},"y":true},"required":["k","y"]},{"properties":{"k":{"const":1}},"required":["k"]},
            {"properties":{"k":{"const":1.0},"z":{"const":2}},"required":["k","z"]}]}
            """##, [##"{"k":"a","x":1}"##, ##"{"k":"b","x":1,"y":0}"##, ##"{"k":"a","y":0}"##, ##"{"k":1}"##],
            [##"{"k":"a","x":1,"y":0}"##, ##"{"k":1,"z":2}"##, ##"{"k":"c","y":0}"##])
    }

    // MARK: Discriminators

    private static let cat = ##"{"type":"object","properties":{"kind":{"const":"cat"},"lives":{"type":"integer"}}}"##
    private static let dog = ##"{"type":"object","properties":{"kind":{"const":"dog"},"name":{"type":"string"}}}"##
    private static let kind = ##""discriminator":{"propertyName":"kind"}"##

    @Test(arguments: ["oneOf", "anyOf"]) func discriminatorsAreRequired(key: String) throws {
        try SchemaTests.check(
            ##"{"type":"object","properties":{"item":{"\##(key)":[{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/dog"},{"type":"null"}],"##
                + ##""discriminator":{"propertyName":"kind","mapping":{"cat":"#/$defs/cat","dog":"#/$defs/dog"}}}},"required":["item"],"##
                + ##""$defs":{"cat":\##(Self.cat),"dog":\##(Self.dog)}}"##,
            [##"{"item":{"kind":"cat","lives":5}}"##, ##"{"item":{"kind":"dog"}}"##, ##"{"item":null}"##],
            [##"{"item":{"lives":5}}"##, ##"{"item":{}}"##, ##"{"item":{"kind":"fox"}}"##, ##"{"item":{"kind":"dog","name":1}}"##])
    }

    /// An alternative can be a union with a discriminator of its own.
    @Test func discriminatorsOfNestedUnionsAreRequired() throws {
        let colours = ["black", "white"].map { ##"{"type":"object","properties":{"kind":{"const":"cat"},"colour":{"const":"\##($0)"}}}"## }
        try SchemaTests.check(
            ##"{"oneOf":[{"oneOf":[\##(colours.joined(separator: ","))],"discriminator":{"propertyName":"colour"}},\##(Self.dog)],\##(Self.kind)}"##,
            [##"{"kind":"cat","colour":"black"}"##, ##"{"kind":"cat","colour":"white"}"##, ##"{"kind":"dog"}"##],
            [##"{"kind":"cat"}"##, ##"{"colour":"black"}"##, ##"{"kind":"dog","name":1}"##, "{}"])
    }

    /// Alternatives that do not describe the property stay as they are, and so do all alternatives beside a malformed discriminator.
    @Test func otherAlternativesStayAsTheyAre() throws {
        let closed = ##"{"type":"object","properties":{"x":{"type":"integer"},"kind":false},"additionalProperties":false}"##
        try SchemaTests.check(
            ##"{"anyOf":[\##(Self.cat),\##(closed),{"type":"string"}],\##(Self.kind)}"##,
            ["{}", ##"{"x":1}"##, ##"{"kind":"cat"}"##, ##""a""##], [##"{"lives":1}"##, ##"{"x":"a"}"##])
        for discriminator in ["null", "5", ##""kind""##, "{}", ##"{"propertyName":5}"##, ##"{"propertyName":"other"}"##] {
            try SchemaTests.check(
                ##"{"anyOf":[\##(Self.cat),\##(Self.dog)],"discriminator":\##(discriminator)}"##, ["{}", ##"{"lives":1}"##, ##"{"kind":"dog"}"##],
                [##"{"kind":1}"##])
        }
        try SchemaTests.check(##"{"properties":{"kind":{"const":"cat"}},\##(Self.kind)}"##, ["{}"], [##"{"kind":1}"##])
    }

    // MARK: Conditions

    private static func condition(_ number: Int, hasElse: Bool) -> JSON {
        var condition: JSONObject = [
            "if": ["properties": ["kind": ["const": .string("k\(number)")]], "required": ["kind"]],
            "then": ["properties": .object(["x\(number)": ["type": "integer"]]), "required": [.string("x\(number)")]],
        ]
        if hasElse { condition["else"] = ["properties": .object(["x\(number)": false])] }
        return .object(condition)
    }

    /// Each independent condition doubles the number of alternatives.
    @Test(arguments: [3, 12, 20]) func manyIndependentConditionsAreReported(count: Int) throws {
        let conditions = (0..<count).map { number -> JSON in
            let (test, needed) = ("a\(number)", "b\(number)")
            return ["if": ["properties": .object([test: ["const": 1]]), "required": [.string(test)]], "then": ["required": [.string(needed)]]]
        }
        let schema: JSON = ["type": "object", "properties": ["name": ["type": "string"]], "required": ["name"], "allOf": .array(conditions)]
        let compiled = try SchemaTests.Compiled(schema)
        #expect(compiled.takes(["name": "x"]) && !compiled.takes(["name": 1]) && !compiled.takes([:]))
        #expect(compiled.takes(["name": "x", "a0": 1, "b0": 1]))
        #expect(compiled.notes.isEmpty == (count == 3))
        #expect(compiled.notes.allSatisfy { $0.pointer.hasSuffix("/if") })
        if count == 20 { #expect(throws: SchemaError.self) { try SchemaTests.Compiled(schema, mode: .exact) } }
    }

    @Test(arguments: [(400, false), (40, true)]) func manyConditionsOnOnePropertyCostLittle(count: Int, hasElse: Bool) throws {
        let conditions = (0..<count).map { Self.condition($0, hasElse: hasElse) }
        let compiled = try SchemaTests.Compiled(["type": "object", "properties": ["kind": true], "allOf": .array(conditions)])
        #expect(compiled.takes(["kind": "k7", "x7": 1]) && compiled.takes(["kind": "other"]) && compiled.takes([:]) && compiled.takes(["kind": 1]))
        #expect(!compiled.takes(["kind": "k7"]) && !compiled.takes(["kind": "k7", "x7": "a"]))
        #expect(compiled.takes(["kind": "k7", "x7": 1, "x8": 1]) != hasElse && compiled.takes(["kind": "no", "x7": 1]) != hasElse)
        #expect(compiled.notes.isEmpty)
    }

    @Test(arguments: [
        // Two conditions fit the value 1. Without `required`, a test accepts objects without the property.
        (
            ##"""
            {"properties":{"k":true},"allOf":[{"if":{"properties":{"k":{"enum":[1,2]}},"required":["k"]},"then":{"required":["a"]}},
            {"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"required":["b"]},"else":{"required":["c"]}},
            {"if":{"properties":{"k":{"type":"string","enum":["x",3]}}},"then":{"required":["d"]}}]}
            """##,
            [##"{"k":1,"a":0,"b":0}"##, ##"{"k":2,"a":0,"c":0}"##, ##"{"k":"x","c":0,"d":0}"##, ##"{"k":3,"c":0}"##, ##"{"c":0,"d":0}"##, "5"],
            [##"{"k":1,"a":0}"##, ##"{"k":2,"a":0}"##, ##"{"k":"x","c":0}"##, ##"{"c":0}"##, "{}"]
        ),
        // Values that are not objects fail a test with a type.
        (
            ##"""
            {"allOf":[{"if":{"type":"object","properties":{"k":{"const":1}}},"then":{"required":["a"]},"else":{"not":{"const":5}}},
            {"if":{"properties":{"k":{"const":2}}},"else":{"required":["b"]}}]}
            """##, [##"{"k":1,"a":0,"b":0}"##, ##"{"k":2}"##, ##"{"a":0}"##, "6"], ["5", ##"{"k":1,"a":0}"##, ##"{"k":3}"##, "{}"]
        ),
    ]) func conditionsOnOneProperty(schema: String, taken: [String], refused: [String]) throws { try SchemaTests.check(schema, taken, refused) }

    // MARK: Unevaluated properties and elements

    @Test(arguments: [
        (
            ##"""
            {"allOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"$ref":"#/$defs/b"}],"unevaluatedProperties":false,
            "$defs":{"b":{"properties":{"b":true}}}}
            """##,
            [##"{"a":"x"}"##, ##"{"a":"x","b":1}"##], [##"{"a":"x","c":1}"##, ##"{"b":1}"##]
        ),
        // The schema of a property that no member evaluates.
        (
            ##"{"properties":{"a":true},"allOf":[{"patternProperties":{"^b":true}}],"unevaluatedProperties":{"type":"integer"}}"##,
            [##"{"a":"x","b":"x","c":1}"##], [##"{"a":1,"c":"x"}"##]
        ),
        // Only the chosen alternative evaluates its properties; the negation of another one does not.
        (
            ##"""
            {"properties":{"k":true},"oneOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"b":true},"required":["b"]}],
            "unevaluatedProperties":false}
            """##, [##"{"k":0,"a":1}"##, ##"{"b":0}"##], [##"{"b":0,"a":2}"##, ##"{"a":1,"c":0}"##, "{}"]
        ),
        (
            ##"{"properties":{"a":true},"not":{"not":{"properties":{"b":{"const":1}}}},"unevaluatedProperties":false}"##, [##"{"a":1}"##],
            [##"{"b":1}"##]
        ),
        (
            ##"{"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"properties":{"a":true}},"unevaluatedProperties":false}"##,
            [##"{"k":1,"a":0}"##, "{}"], [##"{"a":0}"##, ##"{"k":2}"##]
        ),
        // Closed members of a `oneOf` exclude each other by their required properties.
        (
            ##"""
            {"oneOf":[{"allOf":[{"$ref":"#/$defs/B"},{"properties":{"result":true},"required":["result"]}],"unevaluatedProperties":false},
            {"allOf":[{"$ref":"#/$defs/B"},{"properties":{"error":true},"required":["error"]}],"unevaluatedProperties":false}],
            "$defs":{"B":{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}}}
            """##, [##"{"id":1,"result":0}"##, ##"{"id":1,"error":0}"##], [##"{"id":1}"##, ##"{"id":1,"result":0,"error":0}"##]
        ),
        (
            ##"{"type":"array","prefixItems":[{"const":1}],"allOf":[{"prefixItems":[true,{"const":2}]}],"unevaluatedItems":false}"##,
            ["[]", "[1,2]"], ["[1,2,3]", "[1,3]"]
        ),
    ]) func unevaluated(schema: String, taken: [String], refused: [String]) throws { try SchemaTests.check(schema, taken, refused) }

    /// The keyword does not take into account the members beside its own schema.
    @Test(arguments: [
        ##"{"allOf":[{"properties":{"a":true}},{"properties":{"b":true},"unevaluatedProperties":false}]}"##,
        ##"{"allOf":[{"prefixItems":[true]},{"prefixItems":[true,true],"unevaluatedItems":false}]}"##,
        ##"{"allOf":[{"items":true},{"unevaluatedItems":false}]}"##,
    ]) func membersBesideTheKeywordAreReported(schema: String) throws {
        let compiled = try SchemaTests.Compiled(try JSON.parse(schema))
        #expect(compiled.notes.map(\.pointer.localName) == [schema.contains("unevaluatedItems") ? "unevaluatedItems" : "unevaluatedProperties"])
    }

    // MARK: contains

    @Test(arguments: [
        (##"{"type":"array","contains":{"const":1},"maxItems":2}"##, ["[1]", "[2,1]", "[1,2]"], ["[]", "[2]", "[2,2,1]"]),
        (##"{"type":"array","contains":{"const":1},"minItems":3}"##, ["[1,2,3]", "[2,2,2,1]"], ["[1]", "[1,2]", "[2,2,2]"]),
        (
            ##"{"type":"array","allOf":[{"contains":{"minimum":5}},{"contains":{"maximum":1}}],"items":{"type":"integer"}}"##, ["[5,1]", "[1,3,7]"],
            ["[5]", "[1,2]", "[]"]
        ),
        (##"{"type":"array","allOf":[{"contains":{"const":1}},{"contains":{"type":"integer"}}],"maxItems":1}"##, ["[1]"], ["[2]", "[]"]),
        (##"{"type":"array","contains":{"const":1},"maxItems":0}"##, [], []),
        (##"{"type":"array","items":{"enum":[1,2,3]},"uniqueItems":true,"contains":{"minimum":3}}"##, ["[3]", "[1,3]"], ["[]", "[1,2]", "[3,3]"]),
    ]) func contains(schema: String, taken: [String], refused: [String]) throws {
        guard !taken.isEmpty else {
            #expect(throws: SchemaError.self) { try SchemaTests.Compiled(try JSON.parse(schema)) }
            return
        }
        try SchemaTests.check(schema, taken, refused)
    }

    // MARK: Patterns

    @Test(arguments: ["(?", "a|(?", "(?<", "(?<>a)", "(?<name", "(?=a", "(?=a))", "(?P)a", "(?$a)", "(?=a)\\", "(?=a)[b"])
    func patternsThatNoDialectAcceptsAreErrors(pattern: String) throws {
        let error = #expect(throws: SchemaError.self) { try SchemaTests.Compiled(["type": "string", "pattern": .string(pattern)]) }
        #expect(error?.pointer == "/pattern" && error?.reason.contains("not a regular expression") == true)
    }

    @Test(arguments: ["(?=a)b", "(?x:a)", "(?#()a", "(?<n>a)\\k<n>", "(?P=n)", "(?'n'a)\\b", "\\Q(\\E", "(?x)a # (", "(?>a)", "[[:alpha:](]\\b"])
    func patternsOfOtherDialectsAreReported(pattern: String) throws {
        let compiled = try SchemaTests.Compiled(["type": "string", "pattern": .string(pattern)])
        #expect(compiled.notes.map(\.pointer) == ["/pattern"])
    }

    @Test func patternsHaveALimit() throws {
        let long = String(repeating: "a", count: InputLimits.standard.patternBytes + 1)
        for schema: JSON in [["type": "string", "pattern": .string(long)], ["patternProperties": .object([long: true])]] {
            let error = #expect(throws: SchemaError.self) { try SchemaTests.Compiled(schema) }
            #expect(error?.reason.contains("patternBytes") == true && (error?.pointer.utf8.count ?? 0) < 100)
        }
    }

    // MARK: Time

    /// Clocks that pass with each look.
    private final class Clocks: Sendable {
        private let times = Mutex((wall: Duration.zero, thread: Duration.zero))
        private let steps: (wall: Double, thread: Double)

        init(wall: Double, thread: Double) { steps = (wall, thread) }

        var clock: WorkClock { WorkClock(wall: { self.wall() }, thread: { self.thread() }) }

        private func wall() -> Duration {
            times.withLock { times in
                times.wall += .seconds(steps.wall)
                return times.wall
            }
        }

        private func thread() -> Duration {
            times.withLock { times in
                times.thread += .seconds(steps.thread)
                return times.thread
            }
        }
    }

    /// Returns the error of a compilation.
    /// - request: the seconds of the whole request; nil for unlimited.
    private func failure(_ clocks: Clocks, request: Double? = nil) -> String? {
        let whole = request.map { WorkBudget(seconds: $0, clock: clocks.clock) }
        return WorkBudget.$current.withValue(whole) { () -> String? in
            do {
                _ = try SchemaGrammar(["type": "object"], prefix: "s-", budget: GrammarBudget(clock: clocks.clock))
                return nil
            } catch {
                return "\(error)"
            }
        }
    }

    @Test func theLimitIsOneOfProcessorTime() {
        #expect(failure(Clocks(wall: 100, thread: 0.001)) == nil)
        #expect(failure(Clocks(wall: 100, thread: 3))?.contains("2.0 s of processor time (limit compileSeconds)") == true)
        #expect(failure(Clocks(wall: 100, thread: 0.001), request: 20)?.contains("limit prepareSeconds") == true)
    }
}

extension String {
    /// The last step of a JSON pointer.
    fileprivate var localName: String { split(separator: "/").last.map(String.init) ?? "" }
}
