import ShimmyCore
import Testing

@Suite struct ByteSearchTests {
    /// All parts and texts of two letters up to these lengths, among them all that overlap themselves.
    @Test func aSearchFindsWhatStringsFind() {
        func words(upTo length: Int) -> [String] {
            (0..<length).reduce(into: [[""]]) { words, _ in words.append(words[words.count - 1].flatMap { [$0 + "a", $0 + "b"] }) }.flatMap(\.self)
        }
        for part in words(upTo: 4) {
            let search = ByteSearch(part)
            for text in words(upTo: 7) where search.isFound(in: text) != (part.isEmpty || text.contains(part)) {
                Issue.record("'\(part)' in '\(text)'")
            }
        }
    }

    @Test func aTextThatRepeatsItselfIsFoundOrNot() {
        let part = String(repeating: "agents ", count: 20_000)
        let text = "<start>" + part + "<end>" + part
        #expect(ByteSearch(part).isFound(in: text) && ByteSearch(part.dropFirst(3)).isFound(in: text))
        #expect(!ByteSearch(part + "é").isFound(in: text))
    }
}
