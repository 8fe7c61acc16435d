import ShimmyJSON
import ShimmyTestSupport
import Testing

struct RoundTripTests {
    @Test(arguments: [
        "null", "[]", "{}", "[[],{}]",
        #"{"z":1,"a":{"y":[1,2.50,-0,1E+2],"b":null},"m":["x\n",""]}"#,
        #"{"type":"object","properties":{"zeta":{"type":"string"},"alpha":{"type":"integer","minimum":0}},"required":["zeta"]}"#,
    ])
    func canonicalTextComesBackByteForByte(text: String) throws {
        let value = try JSON.parse(text)
        #expect(value.text == text)
        #expect(value.serialized() == Array(text.utf8))
        #expect(try JSON.parse(value.pretty()).text == text)
    }

    @Test func writeAppends() {
        var buffer = Array("data: ".utf8)
        (["a": [1, .null]] as JSON).write(into: &buffer)
        #expect(buffer == Array(#"data: {"a":[1,null]}"#.utf8))
    }

    @Test func prettyIsIndented() {
        let value: JSON = ["a": 1, "b": [true, [:], []], "c": ["d": "e"]]
        let expected = """
            {
              "a": 1,
              "b": [
                true,
                {},
                []
              ],
              "c": {
                "d": "e"
              }
            }
            """
        #expect(value.pretty() == expected)
        #expect((["a": [1]] as JSON).pretty(indent: 4) == "{\n    \"a\": [\n        1\n    ]\n}")
        #expect((["a": [1]] as JSON).pretty(indent: 0) == "{\n\"a\": [\n1\n]\n}")
        #expect(JSON.string("a\nb").pretty() == #""a\nb""#)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func randomValuesComeBack(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let value = JSON.random(depth: 5, using: &random)
            let text = value.text
            #expect(!text.utf8.contains { $0 < 0x20 })
            let read = try JSON.parse(text)
            #expect(read == value)
            #expect(read.text.utf8.elementsEqual(text.utf8))  // Compares order and literals too, which == ignores.
            #expect(try JSON.parse(value.pretty()).text.utf8.elementsEqual(text.utf8))
        }
    }

    /// The parser returns or throws for any bytes, and a parsed value survives a round trip.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func damagedTextIsReadOrRefused(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let interesting = Array("[]{}\",:\\u0123456789aefnrtdD-+. \n".utf8) + [0x00, 0x1F, 0x80, 0xC3, 0xED, 0xF4, 0xFF]
        var accepted = 0
        for _ in 0..<200 {
            var text = JSON.random(depth: 4, using: &random).serialized()
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let position = Int.random(in: 0...text.count, using: &random)
                let length = Int.random(in: 0...min(2, text.count - position), using: &random)
                let byte = interesting.randomElement(using: &random)
                text.replaceSubrange(position..<position + length, with: Bool.random(using: &random) ? [] : [byte].compactMap { $0 })
            }
            do throws(JSONError) {
                let value = try JSON.parse(text)
                accepted += 1
                #expect(try JSON.parse(value.serialized()) == value)
            } catch {
                #expect(0...text.count ~= error.offset)
                #expect(!error.message.isEmpty && !error.message.contains("\n"))
            }
        }
        #expect(accepted < 200)
    }
}
