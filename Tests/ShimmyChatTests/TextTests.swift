import ShimmyChat
import ShimmyCore
import ShimmyTestSupport
import Testing

/// Conversion of bytes to text: characters, stop strings, and both together.
@Suite struct TextTests {
    @Test(arguments: ["plain", "é", "日本語", "😀😃", "a\u{0}b", "e\u{301}", "👨‍👩‍👧‍👦 family", ""])
    func aTextCutAtEveryByteComesOutWhole(text: String) {
        let bytes = Array(text.utf8)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                var buffer = UTF8Buffer()
                let pieces = [buffer.push(bytes[..<first]), buffer.push(bytes[first..<second]), buffer.push(bytes[second...]), buffer.finish()]
                #expect(pieces.joined().utf8.elementsEqual(bytes))
                #expect(!pieces.joined().unicodeScalars.contains("\u{FFFD}"))
            }
        }
    }

    @Test(arguments: 0..<200) func bytesThatAreNoTextComeOutAsSwiftRepairsThem(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let interesting: [UInt8] = [
            0x41, 0x80, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xA0, 0xED, 0x9F, 0xEF, 0xF0, 0x90, 0xF4, 0x8F, 0xF5, 0xFF, 0xE2, 0x82, 0xAC,
        ]
        let bytes = (0..<12).map { _ in interesting.randomElement(using: &random)! }
        var buffer = UTF8Buffer()
        var text = ""
        for byte in bytes { text += buffer.push(CollectionOfOne(byte)) }
        text += buffer.finish()
        #expect(text.utf8.elementsEqual(String(decoding: bytes, as: UTF8.self).utf8))
    }

    /// Returns the expected result of a matcher from the whole text: the stop string that is complete first wins; of several, the longest.
    private func reference(_ text: [UInt8], _ stops: [[UInt8]]) -> (kept: [UInt8], stopped: Bool) {
        for end in 0...text.count {
            let matched = stops.filter { !$0.isEmpty && end >= $0.count && text[..<end].suffix($0.count).elementsEqual($0) }
            if let longest = matched.map(\.count).max() { return (Array(text[..<(end - longest)]), true) }
        }
        return (text, false)
    }

    @Test(arguments: 0..<400) func stopsAreFoundWhereverTheyAreCut(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        func letters(_ range: ClosedRange<Int>) -> [UInt8] {
            (0..<Int.random(in: range, using: &random)).map { _ in UInt8.random(in: 97...98, using: &random) }
        }
        let stops = (0..<Int.random(in: 0...4, using: &random)).map { _ in letters(0...5) }
        let text = letters(0...25)
        var matcher = StopMatcher(stops.map { String(decoding: $0, as: UTF8.self) })
        var kept: [UInt8] = []
        var rest = text[...]
        var stopped = false
        while !rest.isEmpty, !stopped {
            let piece = rest.prefix(.random(in: 1...4, using: &random))
            rest = rest.dropFirst(piece.count)
            let output = matcher.push(Array(piece))
            kept += output.bytes
            stopped = output.stopped
            #expect((matcher.found != nil) == stopped)
            // The matcher never releases text that it would have to retract.
            #expect(reference(text, stops).kept.starts(with: kept))
        }
        if !stopped { kept += matcher.finish() }
        #expect(kept == reference(text, stops).kept)
        #expect(stopped == reference(text, stops).stopped)
    }

    @Test func aDetokenizerCountsTheTokensUpToTheStop() {
        let vocabulary = ByteVocabulary(pieces: ["he", "llo E", "ND wo", "rld"].map { Array($0.utf8) })
        var detokenizer = Detokenizer(vocabulary: vocabulary, stops: ["END"])
        let before = detokenizer.push([0, 1])
        #expect(before.text == "hello " && before.tokens == 2 && !before.stopped)
        let at = detokenizer.push([2, 3])
        #expect(at.text == "" && at.tokens == 1 && at.stopped)
    }

    @Test func aDetokenizerHoldsPartsOfCharactersBack() {
        let bytes = Array("é€😀".utf8)
        var detokenizer = Detokenizer(vocabulary: ByteVocabulary(), stops: [])
        let pieces = bytes.map { detokenizer.push([Token($0)]).text } + [detokenizer.finish()]
        #expect(pieces == ["", "é", "", "", "€", "", "", "", "😀", ""])
    }

    @Test func anIncompleteCharacterAtTheEndIsDropped() {
        var detokenizer = Detokenizer(vocabulary: ByteVocabulary(), stops: ["stop"])
        #expect(detokenizer.push([0x73, 0x74, 0xE2, 0x82]).text == "st")
        #expect(detokenizer.finish() == "" && detokenizer.incompleteCharacter == [0xE2, 0x82])
        var stopped = Detokenizer(vocabulary: ByteVocabulary(), stops: ["stop"])
        let output = stopped.push([0x61, 0xE2, 0x82] + "stop".utf8.map { Token($0) })
        #expect(output.text == "a" && output.stopped)
        var invalid = Detokenizer(vocabulary: ByteVocabulary(), stops: [])
        #expect(invalid.push([0x61, 0xE2, 0x62, 0xFF]).text == "a\u{FFFD}b\u{FFFD}" && invalid.finish() == "")
        var held = Detokenizer(vocabulary: ByteVocabulary(), stops: ["stop"])
        #expect(held.push([0x73, 0x74]).text == "")
        #expect(held.finish() == "st")
    }
}
