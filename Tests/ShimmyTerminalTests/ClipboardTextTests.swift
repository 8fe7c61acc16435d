import ShimmyTerminal
import Testing

@Suite struct ClipboardTextTests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy"), ("日本", "5pel5pys"), ("\u{1b}]0;x\u{7}", "G10wO3gH"),
    ])
    func theTextIsEncoded(text: String, encoded: String) {
        #expect(ClipboardText(text)?.bytes == "\u{1b}]52;c;\(encoded)\u{7}")
    }

    @Test func aLongTextIsRefused() {
        #expect(ClipboardText(String(repeating: "x", count: ClipboardText.longestBytes)) != nil)
        #expect(ClipboardText(String(repeating: "x", count: ClipboardText.longestBytes + 1)) == nil)
    }
}
