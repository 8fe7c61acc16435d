import ShimmyCore
import Testing

@Suite struct ShortenedTextTests {
    @Test func aShortTextStaysTheSame() {
        #expect("".shortened(to: 4) == "" && "abcd".shortened(to: 4) == "abcd" && "日本語é".shortened(to: 4) == "日本語é")
    }

    @Test func theMiddleOfALongTextIsOmitted() {
        #expect("abcdefghij".shortened(to: 8) == "abcdef…ij")
    }

    /// A single character can have any number of scalars.
    @Test func scalarsCount() {
        let text = "a" + String(repeating: "\u{301}", count: 100_000)
        #expect(text.count == 1 && text.shortened(to: 100).unicodeScalars.count == 101)
    }
}
