import ShimmyCore
import ShimmyGrammar
import ShimmyJSON
import Testing

/// A random number generator with a seed (SplitMix64), for reproducible runs.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// A generated schema with a document that is valid and one that is not.
private struct Example {
    var schema: JSON
    var fitting: JSON
    /// An invalid document; nil if every value is valid.
    var breaking: JSON?

    static func make(_ generator: inout SeededGenerator, depth: Int) -> Example {
        let kinds = depth > 0 ? 11 : 6
        switch Int.random(in: 0..<kinds, using: &generator) {
        case 0: return integer(&generator)
        case 1: return text(&generator)
        case 2: return Example(schema: ["type": ["boolean", "null"]], fitting: Bool.random(using: &generator) ? .null : true, breaking: "x")
        case 3: return listed(&generator)
        case 4: return Example(schema: ["type": "number", "exclusiveMinimum": -1.5, "maximum": 2.25], fitting: 2.25, breaking: 2.26)
        case 5: return Example(schema: ["type": "string", "format": "date"], fitting: "2024-02-29", breaking: "2023-02-29")
        case 6: return array(&generator, depth)
        case 7: return tuple(&generator, depth)
        case 8: return record(&generator, depth)
        case 9: return map(&generator, depth)
        default: return union(&generator, depth)
        }
    }

    private static func integer(_ generator: inout SeededGenerator) -> Example {
        let low = Int.random(in: -2000...2000, using: &generator)
        let high = low + Int.random(in: 0...3000, using: &generator)
        return Example(
            schema: ["type": "integer", "minimum": .int(low), "maximum": .int(high)], fitting: .int(Int.random(in: low...high, using: &generator)),
            breaking: Bool.random(using: &generator) ? .int(low - 1) : .int(high + 1))
    }

    private static let letters = Array("abé日😀\"\\\n \u{7f}")

    private static func text(_ generator: inout SeededGenerator) -> Example {
        let count = Int.random(in: 0...6, using: &generator)
        func text(_ count: Int, _ generator: inout SeededGenerator) -> JSON {
            .string(String((0..<count).map { _ in letters.randomElement(using: &generator) ?? "a" }))
        }
        let least = Int.random(in: 0...count, using: &generator)
        let most = count + Int.random(in: 0...3, using: &generator)
        return Example(
            schema: ["type": "string", "minLength": .int(least), "maxLength": .int(most)], fitting: text(count, &generator),
            breaking: text(most + 1, &generator))
    }

    private static func listed(_ generator: inout SeededGenerator) -> Example {
        let values: [JSON] = [1, "a", .null, [1, "x"], ["k": 2], false, 2.5, ""]
        let chosen = Array(values.shuffled(using: &generator).prefix(Int.random(in: 1...6, using: &generator)))
        return Example(schema: ["enum": .array(chosen)], fitting: chosen.randomElement(using: &generator) ?? .null, breaking: "other")
    }

    private static func array(_ generator: inout SeededGenerator, _ depth: Int) -> Example {
        let item = make(&generator, depth: depth - 1)
        let count = Int.random(in: 1...4, using: &generator)
        var broken = [JSON](repeating: item.fitting, count: count)
        if let value = item.breaking { broken[Int.random(in: 0..<count, using: &generator)] = value } else { broken.append(item.fitting) }
        return Example(
            schema: ["type": "array", "items": item.schema, "minItems": .int(count), "maxItems": .int(count)],
            fitting: .array([JSON](repeating: item.fitting, count: count)), breaking: .array(broken))
    }

    private static func tuple(_ generator: inout SeededGenerator, _ depth: Int) -> Example {
        let items = (0..<3).map { _ in make(&generator, depth: depth - 1) }
        return Example(
            schema: ["type": "array", "prefixItems": .array(items.map(\.schema)), "items": false, "minItems": 2],
            fitting: .array(items.prefix(Int.random(in: 2...3, using: &generator)).map(\.fitting)), breaking: .array(items.map(\.fitting) + [1]))
    }

    private static func record(_ generator: inout SeededGenerator, _ depth: Int) -> Example {
        let names = ["a", "b", "a b", "\"q\"", "é"].shuffled(using: &generator).prefix(Int.random(in: 1...4, using: &generator))
        var (properties, fitting, required) = (JSONObject(), JSONObject(), [JSON]())
        var broken: JSON?
        for name in names {
            let value = make(&generator, depth: depth - 1)
            properties[name] = value.schema
            if Bool.random(using: &generator) {
                required.append(.string(name))
            } else if Bool.random(using: &generator) {
                continue
            }
            fitting[name] = value.fitting
            if let wrong = value.breaking {
                var other = fitting
                other[name] = wrong
                broken = .object(other)
            }
        }
        let isOpen = Bool.random(using: &generator)
        var schema: JSONObject = ["type": "object", "properties": .object(properties), "required": .array(required)]
        schema["additionalProperties"] = isOpen ? ["type": "integer"] : false
        // An invalid value may be followed by required properties; the document is also invalid without them.
        var more = fitting
        more["zz"] = "no"
        if isOpen { fitting["z"] = 5 }
        return Example(schema: .object(schema), fitting: .object(fitting), breaking: broken ?? .object(more))
    }

    private static func map(_ generator: inout SeededGenerator, _ depth: Int) -> Example {
        let (first, second) = (make(&generator, depth: depth - 1), make(&generator, depth: depth - 1))
        return Example(
            schema: ["type": "object", "patternProperties": ["^x-[0-9]+$": first.schema, "^y": second.schema], "additionalProperties": false],
            fitting: ["x-1": first.fitting, "yes": second.fitting, "x-20": first.fitting], breaking: ["x-": first.fitting])
    }

    private static func union(_ generator: inout SeededGenerator, _ depth: Int) -> Example {
        let members = (0..<3).map { index -> Example in
            let value = make(&generator, depth: depth - 1)
            return Example(
                schema: [
                    "type": "object", "properties": ["kind": ["const": .int(index)], "value": value.schema], "required": ["kind", "value"],
                    "additionalProperties": false,
                ], fitting: ["kind": .int(index), "value": value.fitting], breaking: ["kind": .int(index)])
        }
        let chosen = members.randomElement(using: &generator) ?? members[0]
        let key = Bool.random(using: &generator) ? "anyOf" : "oneOf"
        return Example(schema: .object([key: .array(members.map(\.schema))]), fitting: chosen.fitting, breaking: chosen.breaking)
    }
}

/// Tests with randomly generated schemas, documents and texts.
@Suite struct GeneratedTests {
    @Test(arguments: 0..<400) func schemasTakeTheirDocuments(seed: Int) throws {
        var generator = SeededGenerator(seed)
        let example = Example.make(&generator, depth: 3)
        let compiled = try SchemaTests.Compiled(example.schema)
        #expect(compiled.notes.isEmpty)
        #expect(compiled.takes(example.fitting), "\(example.schema.text) takes \(example.fitting.text)")
        if let breaking = example.breaking {
            #expect(!compiled.takes(breaking), "\(example.schema.text) does not take \(breaking.text)")
        }
    }

    /// With values of any kind for each keyword, a schema either compiles or throws an error.
    @Test(arguments: 0..<300) func schemasOfAnyKindEnd(seed: Int) {
        var generator = SeededGenerator(seed)
        let schema = Self.schema(&generator, depth: 4)
        let compiled = try? SchemaTests.Compiled(schema)
        _ = compiled?.takes(Self.value(&generator, depth: 3))
    }

    private static let keywords = [
        "type", "enum", "const", "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
        "maxProperties", "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern",
        "format",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "anyOf", "oneOf", "allOf", "not", "if", "then", "else", "$ref",
        "dependencies", "dependentRequired", "dependentSchemas", "contains", "minContains", "unevaluatedProperties", "unevaluatedItems", "nullable",
        "$dynamicRef", "$id", "$anchor",
    ]

    private static func schema(_ generator: inout SeededGenerator, depth: Int) -> JSON {
        if depth == 0 || Int.random(in: 0..<10, using: &generator) == 0 { return value(&generator, depth: 1) }
        var object = JSONObject()
        for _ in 0..<Int.random(in: 0...4, using: &generator) {
            guard let key = keywords.randomElement(using: &generator) else { continue }
            let inner: JSON
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: inner = value(&generator, depth: 2)
            case 1: inner = schema(&generator, depth: depth - 1)
            case 2: inner = .array((0..<2).map { _ in schema(&generator, depth: depth - 1) })
            default: inner = ["a": schema(&generator, depth: depth - 1), "^b": schema(&generator, depth: depth - 1)]
            }
            object[key] = inner
        }
        return .object(object)
    }

    private static func value(_ generator: inout SeededGenerator, depth: Int) -> JSON {
        let scalars: [JSON] = [
            .null, true, false, 0, 1, -1, 3, 1_000_000, 0.5, 1e300, -1e-300, .int(.max), .int(.min), "", "a", "#", "#/properties/a", "#/$defs/x",
            "object",
            "string", "integer", "array", "date", "email", "^a", "(", "a{1,3}", "[^", "\u{0}", "\u{FFFF}", "%", "#/anyOf/0",
        ]
        switch Int.random(in: 0..<6, using: &generator) {
        case 0 where depth > 0: return .array((0..<2).map { _ in value(&generator, depth: depth - 1) })
        case 1 where depth > 0: return ["a": value(&generator, depth: depth - 1), "b": value(&generator, depth: depth - 1)]
        default: return scalars.randomElement(using: &generator) ?? .null
        }
    }

    // MARK: Grammar texts

    private static func text(_ pieces: [String], _ generator: inout SeededGenerator) -> String {
        (0..<Int.random(in: 1...30, using: &generator)).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
    }

    private static let trie = TokenTrie(pieces: (0...255).map { [UInt8($0)] } + [[]], ends: [256], controls: [:])

    private static func use(_ grammar: String, _ generator: inout SeededGenerator) {
        var limits = InputLimits.standard
        limits.compileSeconds = 0.5
        guard let compiled = try? CompiledGrammar(grammar, trie: trie, budget: GrammarBudget(limits: limits)) else { return }
        var cursor = compiled.begin()
        for _ in 0..<20 {
            let allowed = (0..<Token(257)).filter(cursor.mask.contains)
            _ = cursor.forced
            guard let token = allowed.randomElement(using: &generator) else { break }
            cursor.advance(token)
        }
    }

    @Test(arguments: 0..<300) func grammarsOfAnyKindEnd(seed: Int) {
        var generator = SeededGenerator(seed)
        let pieces = [
            "root", " ::= ", "\n", "x", "\"a\"", "\"", "[a-z]", "[^", "]", "(", ")", "|", "*", "+", "?", "{1,3}", "{0,", "{9}", "{", "}", ".", "<a>",
            "!", "#",
            "\\x4", "\\u{", "é", "@text{0,;[a]>0=}", "@string{1,3;*>0=}", "@text{", "0,;", "=x", ">1", ";", "\u{0}", " ",
        ]
        Self.use("root ::= " + Self.text(pieces, &generator), &generator)
        Self.use("root ::= x*\nx ::= " + Self.text(pieces, &generator), &generator)
    }

    @Test(arguments: 0..<300) func expressionsOfAnyKindEnd(seed: Int) {
        var generator = SeededGenerator(seed)
        let pieces = [
            "a", "b", "(", ")", "(?:", "(?=", "(?<n>", "[", "]", "[^", "-", "^", "$", "|", "*", "+", "?", "{2}", "{1,", "{99999999999999999999}",
            "\\", "\\d",
            "\\x4", "\\u12", "\\p{L}", "\\b", ".", "é", "😀", "\u{0}", "\n",
        ]
        let pattern = Self.text(pieces, &generator)
        for context in [GrammarContext.plain, .jsonString] {
            guard let expression = try? RegexGrammar.expression(pattern, in: context) else { continue }
            Self.use("root ::= " + expression, &generator)
        }
        _ = try? SchemaTests.Compiled(["type": "string", "pattern": .string(pattern), "maxLength": 9])
        _ = try? SchemaTests.Compiled(["patternProperties": .object([pattern: ["type": "integer"]]), "additionalProperties": false])
    }

    @Test(arguments: 0..<300) func larkGrammarsOfAnyKindEnd(seed: Int) {
        var generator = SeededGenerator(seed)
        let pieces = [
            "start", ": ", "\n", "X", "x", "\"a\"", "\"", "/a/", "/", "i", "(", ")", "[", "]", "|", "*", "+", "?", "~", "~2", "~1..3", "..", "->",
            "%ignore ",
            "%import common.INT", "%declare", ".2", "!", "//", "#", "é", " ",
        ]
        guard let grammar = try? LarkGrammar("start: " + Self.text(pieces, &generator), prefix: "l-", in: .plain) else { return }
        Self.use("root ::= \(grammar.root)\n\(grammar.rules)", &generator)
    }
}
