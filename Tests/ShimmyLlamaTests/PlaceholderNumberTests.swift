import ShimmyLlama
import Testing

/// Numbers that are literals of their own in a grammar's text.
@Suite struct PlaceholderNumberTests {
    @Test func numbersAreLiteralsOfTheirOwn() {
        #expect(PlaceholderNumbers(in: #"root ::= "12" space | "a12" [0-9] "13x" "14" "" "15"#).numbers == [12, 14])
    }

    @Test(arguments: ["", "\"", "\"1", #""99999999999999999999999""#, "\"1\u{e4}\"", "1"])
    func otherTextsHaveNone(text: String) { #expect(PlaceholderNumbers(in: text).numbers.isEmpty) }

    @Test func thousandsOfNumbersTakeOnePass() {
        let text = (0..<20_000).map { "r\($0) ::= \"\($0)\" space\n" }.joined()
        #expect(PlaceholderNumbers(in: text).numbers == Set(0..<20_000))
    }
}
