import ShimmyJSON
import Testing

struct StringTests {
    @Test(arguments: [
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
        (#""a\nb\nc""#, "a\nb\nc"),
        (#""\\\\n""#, "\\\\n"),
        (#""\u0000""#, "\u{0}"),
        (#""\u0041\u00e9\u00E9\u4f60""#, "Aéé你"),
        (#""\ud83d\ude00""#, "😀"),
        (#""\uD834\uDD1Ex""#, "𝄞x"),
        (#""\ud800\udc00\udbff\udfff""#, "\u{10000}\u{10FFFF}"),
        (#""\uFFFE\uffff\ud7ff\ue000""#, "\u{FFFE}\u{FFFF}\u{D7FF}\u{E000}"),
        (#""\u00dfé\u00df""#, "ßéß"),
        ("\"\u{7F}\u{80}\u{2028}\u{2029}\u{FFFF}\u{10FFFF}\"", "\u{7F}\u{80}\u{2028}\u{2029}\u{FFFF}\u{10FFFF}"),
        ("\"e\u{301}\"", "e\u{301}"),
        ("\"/* no comment */ // [}\"", "/* no comment */ // [}"),
    ])
    func reads(text: String, value: String) throws {
        let read = try #require(try JSON.parse(text).stringValue)
        // Compare scalars, because Swift's == considers composed and decomposed characters equal.
        #expect(Array(read.unicodeScalars) == Array(value.unicodeScalars))
    }

    @Test(arguments: [
        #""\a""#, #""\'""#, #""\0""#, #""\x41""#, #""\U0041""#, #""\ ""#, #""\é""#, #""\""#,
        #""\u""#, #""\u004""#, #""\u00g0""#, #""\u-041""#, #""\u 041""#, #""\u+041""#, #""\u{41}""#,
        "\"\u{0}\"", "\"\u{1F}\"", "\"\n\"", "\"\t\"", "\"a\r\nb\"", "\"\\\n\"",
    ])
    func refuses(text: String) {
        #expect(throws: JSONError.self) { try JSON.parse(text) }
    }

    @Test(arguments: [
        #""\ud800""#, #""\udbff""#, #""\udc00""#, #""\udfff""#, #""\ud800x""#, #""\ud800\n""#, #""\ud800\u0041""#, #""\ud800\ud800""#,
        #""\ud800\ud800\udc00""#, #""\udc00\ud800""#, #""\ud800\\udc00""#, #""\ud83d😀""#,
    ])
    func refusesLoneSurrogates(text: String) throws {
        let error = try #require(throws: JSONError.self) { try JSON.parse(text) }
        #expect(error.message == "lone surrogate in a string")
        #expect(error.offset == 1)
    }

    @Test(arguments: [
        (#""\ud83d""#, "\u{FFFD}"), (#""a\ude00b""#, "a\u{FFFD}b"), (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\ud83d\n""#, "\u{FFFD}\n"),
        (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""\ud83d😀""#, "\u{FFFD}😀"), (#""\ud83d\ude00""#, "😀"),
    ])
    func replacesLoneSurrogatesOnRequest(text: String, replaced: String) throws {
        var limits = JSONLimits()
        limits.replacesLoneSurrogates = true
        #expect(try JSON.parse(text, limits: limits) == .string(replaced))
    }

    @Test func replacesEncodedSurrogatesOnRequest() throws {
        var limits = JSONLimits()
        limits.replacesLoneSurrogates = true
        let half: [UInt8] = [0xED, 0xA0, 0xBD]
        func parsed(_ bytes: [UInt8]) throws -> JSON {
            let quote: [UInt8] = [0x22]
            return try JSON.parse(quote + bytes + quote, limits: limits)
        }
        #expect(try parsed(half) == .string("\u{FFFD}"))
        #expect(try parsed(half + half) == .string("\u{FFFD}\u{FFFD}"))
        #expect(try parsed(half + Array(#"\n"#.utf8)) == .string("\u{FFFD}\n"))
        // Other faults stay errors.
        let faulty: [[UInt8]] = [[0xED, 0xA0], [0xED], half + [0xFF], [0xC3]]
        for bytes in faulty { #expect(throws: JSONError.self) { try parsed(bytes) } }
    }

    @Test(
        arguments: [
            [0x80], [0xBF], [0xFF], [0xFE],  // Invalid first bytes.
            [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],  // Overlong.
            [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xF0, 0x9F], [0xE2, 0x82, 0x41],  // Truncated.
            [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80],  // Surrogates.
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],  // Beyond U+10FFFF.
        ] as [[UInt8]])
    func refusesInvalidUTF8(bytes: [UInt8]) throws {
        // Alone, after valid multi-byte text, before and after an escape, and in a key.
        for (before, after) in [("\"", "\""), ("[\"é😀", "x\"]"), ("\"\\né", "\""), ("\"é", "\\n\""), ("{\"a\":1,\"", "\":2}")] {
            let text = Array(before.utf8) + bytes + Array(after.utf8)
            let error = try #require(throws: JSONError.self) { try JSON.parse(text) }
            #expect(error.message == "invalid UTF-8 in a string")
            #expect(error.offset == before.utf8.count)
        }
    }

    /// An escape does not complete a truncated UTF-8 sequence.
    @Test func escapesDoNotRepairInvalidUTF8() throws {
        let text = Array("\"".utf8) + [0xC3] + Array("\\u00a9\"".utf8)
        #expect(throws: JSONError.self) { try JSON.parse(text) }
    }

    @Test func readsTheBordersOfUTF8() throws {
        for bytes in [[0x7F], [0xC2, 0x80], [0xDF, 0xBF], [0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF], [0xEE, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF]]
            as [[UInt8]]
        {
            let quotes = Array("\"".utf8)
            let read = try #require(try JSON.parse(quotes + bytes + quotes).stringValue)
            #expect(Array(read.utf8) == bytes)
        }
    }

    @Test(arguments: [
        ("", #""""#),
        ("plain", #""plain""#),
        ("\"", #""\"""#),
        ("a\"b\\c", #""a\"b\\c""#),
        ("\n\r\t\u{8}\u{C}", #""\n\r\t\b\f""#),
        ("\r\n", #""\r\n""#),
        ("\u{0}\u{1}\u{B}\u{F}\u{10}\u{1F}", #""\u0000\u0001\u000b\u000f\u0010\u001f""#),
        ("</a/b>", #""</a/b>""#),
        ("é你😀e\u{301}", "\"é你😀e\u{301}\""),
        ("\u{7F}\u{2028}\u{2029}\u{FEFF}", "\"\u{7F}\u{2028}\u{2029}\u{FEFF}\""),
    ])
    func writes(value: String, text: String) throws {
        #expect(JSON.string(value).serialized() == Array(text.utf8))
        var buffer: [UInt8] = [0x3A]
        JSON.writeString(value, into: &buffer)
        #expect(buffer == [0x3A] + Array(text.utf8))
    }

    @Test func everyScalarBelow800HexComesBack() throws {
        for scalar in (0..<0x800 as Range<UInt32>).compactMap(Unicode.Scalar.init) {
            let value = JSON.string("<\(Character(scalar))>")
            let text = value.serialized()
            #expect(!text.contains { $0 < 0x20 })
            #expect(try JSON.parse(text) == value)
        }
    }

    @Test func equalityIsByBytes() {
        #expect("é" == "e\u{301}")  // Swift's own comparison, the reason for this test.
        #expect(JSON.string("é") != JSON.string("e\u{301}"))
        #expect(JSON.string("é") == JSON.string("é"))
    }
}
