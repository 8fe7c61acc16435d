import ShimmyChat
import Testing

/// Replacement of placeholder numbers in a grammar's text.
@Suite struct PlaceholderNumberTests {
    @Test func numbersAreLiteralsOfTheirOwn() {
        let text = PlaceholderNumbers(in: #"root ::= "12" space | "a12" [0-9] "13x" "14" "" "15"#)
        #expect(text.numbers == [12, 14])
    }

    @Test func knownNumbersGiveWayWithTheSpaceAfterThem() {
        let text = PlaceholderNumbers(in: #"a ::= "12" space "13" space | "12""#)
        #expect(text.replaced(by: [12: "b"], andFollowing: " space") == #"a ::= b "13" space | b"#)
    }

    @Test(arguments: ["", "\"", "\"1", #""99999999999999999999999""#, #""1"2"3""#, "\"1\" spac", "ä\"1\"ä"])
    func otherTextsStayAsTheyAre(text: String) {
        #expect(PlaceholderNumbers(in: text).replaced(by: [:], andFollowing: " space") == text)
    }

    @Test func numbersThatShareAQuoteAreReplacedOnce() {
        #expect(PlaceholderNumbers(in: #""1"2"3""#).replaced(by: [1: "a", 2: "b", 3: "c"], andFollowing: "") == #"a2c"#)
    }

    @Test func thousandsOfNumbersTakeOnePass() {
        let numbers = Array(0..<20_000)
        let text = numbers.map { "r\($0) ::= \"\($0)\" space\n" }.joined()
        let texts = Dictionary(uniqueKeysWithValues: numbers.map { ($0, "x\($0)") })
        #expect(PlaceholderNumbers(in: text).replaced(by: texts, andFollowing: " space") == numbers.map { "r\($0) ::= x\($0)\n" }.joined())
    }
}
