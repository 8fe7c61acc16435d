import ShimmyTerminal
import Testing

@Suite struct KeyDecoderTests {
    private func keys(_ pieces: String...) -> [Key] {
        var decoder = KeyDecoder()
        return pieces.flatMap { decoder.push($0.utf8) }
    }

    @Test(arguments: [
        ("\u{1}", Key.home), ("\u{2}", .left), ("\u{3}", .interrupt), ("\u{4}", .endOfFile), ("\u{5}", .end), ("\u{6}", .right),
        ("\u{8}", .backspace), ("\u{7f}", .backspace), ("\r", .enter), ("\n", .enter), ("\u{b}", .deleteToEnd), ("\u{c}", .clearScreen),
        ("\u{e}", .down), ("\u{10}", .up), ("\u{15}", .deleteToStart), ("\u{17}", .deleteWord), ("\u{19}", .yank), ("\u{1a}", .suspend),
        ("\u{12}", .search), ("\u{7}", .cancel),
        ("\u{1b}[A", .up), ("\u{1b}[B", .down), ("\u{1b}[C", .right), ("\u{1b}[D", .left), ("\u{1b}[H", .home), ("\u{1b}[F", .end),
        ("\u{1b}OH", .home), ("\u{1b}OF", .end), ("\u{1b}OA", .up), ("\u{1b}[1~", .home), ("\u{1b}[4~", .end), ("\u{1b}[3~", .delete),
        ("\u{1b}[1;5C", .wordRight), ("\u{1b}[1;3D", .wordLeft), ("\u{1b}b", .wordLeft), ("\u{1b}f", .wordRight), ("\u{1b}\r", .newLine),
        ("\u{1b}\u{7f}", .deleteWord),
    ])
    func bytesAreKeys(bytes: String, key: Key) { #expect(keys(bytes) == [key]) }

    @Test func sequencesMayComeInPieces() {
        #expect(keys("\u{1b}", "[", "1;", "5D", "x") == [.wordLeft, .text("x")])
    }

    @Test func charactersMayComeInPieces() {
        var decoder = KeyDecoder()
        let bytes = Array("é日👋".utf8)
        let keys = bytes.flatMap { decoder.push([$0]) }
        #expect(keys == [.text("é"), .text("日"), .text("👋")])
    }

    @Test func bytesThatAreNoTextAreLeftOut() {
        var decoder = KeyDecoder()
        #expect(decoder.push([0xff, 0x41, 0xc3, 0x28, 0x42]) == [.text("A(B")])
    }

    @Test func unknownSequencesMeanNothing() {
        #expect(keys("a\u{1b}[99~\u{1b}[15;2~\u{1b}Pb") == [.text("a"), .text("b")])
    }

    @Test func aSequenceWithoutEndIsGivenUp() {
        #expect(keys("\u{1b}[" + String(repeating: "1", count: 60) + "\r").last == .enter)
    }

    @Test func aPasteIsOneKeyWhateverIsInIt() {
        #expect(keys("\u{1b}[200~two\rlines\u{3}\u{1b}[201~!") == [.paste("two\nlines\u{3}"), .text("!")])
        #expect(keys("\u{1b}[200~a\r", "\nb", "\u{1b}[20", "1~") == [.paste("a\nb")])
    }
}
