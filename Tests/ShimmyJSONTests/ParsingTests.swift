import ShimmyJSON
import Testing

/// Valid and invalid JSON, in the categories of JSONTestSuite. `StringTests` and `NumberTests` contain more cases.
struct ParsingTests {
    @Test(
        arguments: [
            ("null", .null), ("true", true), ("false", false), ("0", 0), ("\"\"", ""), ("[]", []), ("{}", [:]),
            (" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n", [1, 2]),
            (" { \"a\" : 1 , \"b\" : { } } ", ["a": 1, "b": [:]]),
            ("[[],[[]],{}]", [[], [[]], [:]]),
            ("[null,true,false,\"x\",-1.5e+2]", [.null, true, false, "x", -150.0]),
            ("{\"\":0}", ["": 0]),
            ("{\"\\u0061\":0}", ["a": 0]),
            ("\u{FEFF}[1]", [1]),
            ("[\"\u{FEFF}\"]", ["\u{FEFF}"]),
        ] as [(String, JSON)])
    func accepts(text: String, value: JSON) throws {
        #expect(try JSON.parse(text) == value)
    }

    @Test(arguments: [
        // Empty and incomplete documents.
        "", " ", "\n", "\u{FEFF}", "[", "{", "\"", "\"abc", "-", "t", "tru", "nul", "[1", "[1,", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "[\"a",
        "[{}", "[{\"a\":[", "\"\\", "\"\\u00", "[}", "{]",
        // Several values, or text after the value.
        "1 2", "[] []", "{}{}", "[]]", "{}}", "null,", "true false", "\"a\"b", "[1]x", "[]\u{0}", "{\"a\":1}#", "truee", "nullnull",
        // Commas and colons.
        ",", "[,]", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1:2]", "[1;2]", "{,}", "{\"a\":1,}", "{,\"a\":1}", "{\"a\":1,,\"b\":2}", "{\"a\" 1}",
        "{\"a\"::1}",
        "{\"a\":}", "{\"a\",1}", "{\"a\":1 \"b\":2}", "{\"a\":1:2}", ":",
        // Keys that are not strings.
        "{a:1}", "{'a':1}", "{1:1}", "{null:1}", "{[]:1}", "{\"a\":1,b:2}", "{:1}",
        // Invalid literals.
        "True", "NULL", "nan", "NaN", "Infinity", "-Infinity", "undefined", "tRue", "nil", "fals", "[truth]",
        // Syntax of other formats.
        "// c\n1", "1 // c", "/* c */ 1", "[1,/* c */2]", "# c\n1", "'a'", "[`a`]", "(1)", "<x>", "*", "\\u0061", "{\"a\":1}/**/",
        // White space that JSON does not allow, or a byte order mark in the wrong position.
        "\u{A0}1", "1\u{A0}", "[\u{C}]", "[\u{B}1]", "\u{2028}1", "\u{2060}[]", "1\u{0}", "\u{0}1", " \u{FEFF}1", "\u{FEFF}\u{FEFF}1", "1\u{FEFF}",
    ])
    func refuses(text: String) {
        #expect(throws: JSONError.self) { try JSON.parse(text) }
    }

    /// Each proper prefix of a document is refused without a crash.
    @Test func refusesEveryBeginning() throws {
        let text = Array(#"{"a":[1,-2.5e+3,"b\u00e9\ud83d\ude00 é",true,false,null,{"c":{}}]}"#.utf8)
        #expect(throws: Never.self) { try JSON.parse(text) }
        for length in 0..<text.count {
            #expect(throws: JSONError.self, "\(length)") { try JSON.parse(text.prefix(length)) }
        }
    }

    @Test(arguments: [
        ("", "unexpected end of the text, expected a value", 0, 1, 1),
        ("[1,]", "expected a value", 3, 1, 4),
        ("[1 2]", "expected ',' or ']' after an array element", 3, 1, 4),
        ("{\"a\":1\n  \"b\":2}", "expected ',' or '}' after an object member", 9, 2, 3),
        ("{\"a\":1\r\n,}", "expected a member name in double quotes", 9, 2, 2),
        ("{\"a\" 1}", "expected ':' after a member name", 5, 1, 6),
        ("{\"a\":1", "unexpected end of the text, expected ',' or '}' after an object member", 6, 1, 7),
        ("[\n\n tru]", "expected a value", 4, 3, 2),
        ("[\"äöü😀\" x]", "expected ',' or ']' after an array element", 14, 1, 9),
        ("{} x", "expected the end of the text after the value", 3, 1, 4),
        ("\"abc", "unexpected end of the text, expected '\"' at the end of a string", 4, 1, 5),
        ("\"a\nb\"", "control characters in a string must be escaped", 2, 1, 3),
        ("\"a\\qb\"", "unknown escape sequence in a string", 2, 1, 3),
        ("\"\\u12x4\"", "expected four hexadecimal digits after '\\u'", 5, 1, 6),
        ("\"a\\ud800\"", "lone surrogate in a string", 2, 1, 3),
        ("[-]", "expected a digit after '-'", 2, 1, 3),
        ("[012]", "a number must not have leading zeros", 1, 1, 2),
        ("[1.]", "expected a digit after the decimal point", 3, 1, 4),
        ("[1e+]", "expected a digit in the exponent", 4, 1, 5),
    ])
    func saysWhatAndWhere(text: String, message: String, offset: Int, line: Int, column: Int) throws {
        let error = try #require(throws: JSONError.self) { try JSON.parse(text) }
        #expect(error.message == message)
        #expect(error.offset == offset)
        #expect(error.line == line)
        #expect(error.column == column)
        #expect(error.description == "\(message) (line \(line), column \(column))")
    }

    @Test func readsAnyCollectionOfBytes() throws {
        let bytes = Array("xx[1,\"é\"]".utf8)
        #expect(try JSON.parse(bytes[2...]) == [1, "é"])
        #expect(try JSON.parse(bytes.lazy.map { $0 }.dropFirst(2)) == [1, "é"])
        #expect(try JSON.parse(ContiguousArray(bytes[2...])) == [1, "é"])
        #expect(throws: JSONError.self) { try JSON.parse(bytes.lazy.map { $0 }) }
        #expect(throws: JSONError.self) { try JSON.parse(EmptyCollection()) }
    }
}

struct LimitTests {
    private static func nested(_ depth: Int, in brackets: (String, String)) -> String {
        String(repeating: brackets.0, count: depth) + "1" + String(repeating: brackets.1, count: depth)
    }

    @Test(arguments: [("[", "]"), ("{\"a\":", "}"), ("[ ", " ]")])
    func depthAtTheBorder(open: String, close: String) throws {
        let brackets = (open, close)
        for limit in [1, 2, 128] {
            #expect(throws: Never.self) { try JSON.parse(Self.nested(limit, in: brackets), limits: JSONLimits(depth: limit)) }
            let error = try #require(throws: JSONError.self) {
                try JSON.parse(Self.nested(limit + 1, in: brackets), limits: JSONLimits(depth: limit))
            }
            #expect(error.message == "nested more than \(limit) levels deep")
            #expect(error.offset == limit * open.utf8.count)
        }
    }

    @Test func depthIs128UnlessToldOtherwise() throws {
        #expect(throws: Never.self) { try JSON.parse(Self.nested(128, in: ("[", "]"))) }
        #expect(throws: JSONError.self) { try JSON.parse(Self.nested(129, in: ("[", "]"))) }
    }

    @Test func depthZeroIsForScalars() throws {
        #expect(try JSON.parse("1", limits: JSONLimits(depth: 0)) == 1)
        #expect(throws: JSONError.self) { try JSON.parse("[]", limits: JSONLimits(depth: 0)) }
        #expect(throws: JSONError.self) { try JSON.parse("{}", limits: JSONLimits(depth: 0)) }
    }

    /// The depth counts open brackets, not all brackets.
    @Test func neighboursDoNotAddUp() throws {
        let text = "[" + Array(repeating: "[[]]", count: 1000).joined(separator: ",") + "]"
        #expect(try JSON.parse(text, limits: JSONLimits(depth: 3)).arrayValue?.count == 1000)
    }

    @Test(arguments: ["[", "{\"a\":", "[{\"a\":"])
    func endlessNestingIsRefused(open: String) throws {
        let error = try #require(throws: JSONError.self) { try JSON.parse(String(repeating: open, count: 100_000)) }
        #expect(error.message == "nested more than 128 levels deep")
    }

    /// The limit counts values at every depth, but not member names.
    @Test func valuesAtTheBorder() throws {
        let text = #"{"a": [1, {}, "b"], "c": null}"#
        #expect(throws: Never.self) { try JSON.parse(text, limits: JSONLimits(values: 6)) }
        let error = try #require(throws: JSONError.self) { try JSON.parse(text, limits: JSONLimits(values: 5)) }
        #expect(error.message == "more than 5 values")
    }

    @Test func bytesAtTheBorder() throws {
        #expect(try JSON.parse("[1]", limits: JSONLimits(bytes: 3)) == [1])
        let error = try #require(throws: JSONError.self) { try JSON.parse("[1] ", limits: JSONLimits(bytes: 3)) }
        #expect(error.message == "larger than 3 bytes")
    }

    @Test(arguments: [
        ("[1,2,3]", JSONLimits(values: 3), JSONError.Limit.values), ("[[[]]]", JSONLimits(depth: 2), .depth),
        ("[1234]", JSONLimits(digits: 3), .digits),
        ("[-1.5e10]", JSONLimits(digits: 6), .digits), ("[1]", JSONLimits(bytes: 2), .bytes),
    ])
    func errorsSayWhichBoundWasExceeded(text: String, limits: JSONLimits, limit: JSONError.Limit) throws {
        let error = try #require(throws: JSONError.self) { try JSON.parse(text, limits: limits) }
        #expect(error.limit == limit)
    }

    @Test func wrongTextExceedsNoBound() throws {
        let error = try #require(throws: JSONError.self) { try JSON.parse("[1,", limits: JSONLimits(depth: 1, values: 5, digits: 1)) }
        #expect(error.limit == nil)
    }

    @Test func parsingStopsWhenItIsTold() throws {
        let text = "[" + String(repeating: "0,", count: 100_000) + "0]"
        let error = try #require(throws: JSONError.self) { try JSON.parse(text, limits: JSONLimits(isStopped: { true })) }
        #expect(error.limit == .stopped && error.offset < 10_000)
        #expect(throws: Never.self) { try JSON.parse(text, limits: JSONLimits(isStopped: { false })) }
    }
}
