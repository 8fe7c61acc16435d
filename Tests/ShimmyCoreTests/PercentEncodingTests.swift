import ShimmyCore
import Testing

@Suite struct PercentEncodingTests {
    @Test func aTextSurvivesItsEncoding() {
        let text = "user/repo:Q4 \u{fc}?#%+\u{1F600}"
        let encoded = PercentEncoding.encoded(text)
        #expect(encoded == "user%2Frepo%3AQ4%20%C3%BC%3F%23%25%2B%F0%9F%98%80")
        #expect(PercentEncoding.decoded(encoded[...]) == text)
        #expect(PercentEncoding.encoded("a/b:c", except: "/") == "a/b%3Ac")
    }

    @Test(arguments: ["%", "100%", "%4", "%zz", "%+1", "a%2"]) func malformedEscapesAreFoundOrKept(text: String) {
        #expect(PercentEncoding.decoded(text[...]) == nil)
        #expect(PercentEncoding.decoded(text[...], keepsMalformed: true) == text)
    }

    @Test func aTextOfOtherBytesIsNotDecoded() {
        #expect(PercentEncoding.decoded("%C3") == nil)
        #expect(PercentEncoding.decoded("%C3", keepsMalformed: true) == nil)
        #expect(PercentEncoding.decoded("%c3%BC") == "\u{fc}")
    }
}
