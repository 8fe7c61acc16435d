import NIOCore
import ShimmyServer
import Testing

/// Frames of a client, in whole and in pieces, and each violation of the protocol with its close code.
@Suite struct WebSocketReaderTests {
    private static let mask: [UInt8] = [1, 2, 3, 4]

    /// Returns a masked frame. The length has the shortest form.
    private static func frame(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let count = payload.count
        let length: [UInt8] =
            switch count {
            case ..<126: [0x80 | UInt8(count)]
            case ..<65_536: [0x80 | 126, UInt8(count >> 8), UInt8(count & 255)]
            default: [0x80 | 127, 0, 0, 0, 0] + [24, 16, 8, 0].map { (shift: Int) in UInt8(truncatingIfNeeded: count >> shift) }
            }
        var frame = [first]
        frame += length
        frame += mask
        for (index, byte) in payload.enumerated() { frame.append(byte ^ mask[index % 4]) }
        return frame
    }

    private static func text(_ text: String, isFinal: Bool = true) -> [UInt8] { frame(isFinal ? 0x81 : 0x01, Array(text.utf8)) }

    /// Reads bytes that arrive in pieces of `size`. Joins the parts of texts; a message ends with "|".
    private static func read(_ bytes: [UInt8], size: Int = .max, limit: Int = 1000) -> (texts: String, others: [String], end: UInt16?) {
        var reader = WebSocketReader(limit: limit)
        var (buffer, rest, texts, others) = (ByteBuffer(), bytes[...], [UInt8](), [String]())
        while true {
            do throws(WebSocketClose) {
                while let event = try reader.next(&buffer) {
                    switch event {
                    case .text(let part, let isLast): texts += Array(part.readableBytesView) + (isLast ? [UInt8(ascii: "|")] : [])
                    case .ping(let payload): others.append("ping \(String(buffer: payload))")
                    case .pong: others.append("pong")
                    case .close(let code): others.append("close \(code.map { "\($0)" } ?? "-")")
                    }
                }
            } catch {
                return (String(decoding: texts, as: UTF8.self), others, error.code)
            }
            if rest.isEmpty { return (String(decoding: texts, as: UTF8.self), others, nil) }
            buffer.writeBytes(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
    }

    @Test(arguments: [1, 2, 3, 7, 100, Int.max]) func messagesAreTheSameInAnyPieces(size: Int) {
        let long = String(repeating: "é", count: 200)
        let frames: [[UInt8]] = [
            Self.text("Hello"), Self.text(""), Self.text(long), Self.text("a", isFinal: false), Self.frame(0x89, Array("now".utf8)),
            Self.frame(0x00, Array("b".utf8)), Self.frame(0x80, Array("c".utf8)), Self.frame(0x8A, []), Self.frame(0x88, [3, 232]),
        ]
        let read = Self.read(frames.flatMap { $0 }, size: size)
        #expect(read.texts == "Hello||\(long)|abc|")
        #expect(read.others == ["ping now", "pong", "close 1000"] && read.end == nil)
    }

    @Test func aCharacterMayBeSplitBetweenFrames() {
        let bytes = Array("é".utf8)
        #expect(Self.read(Self.frame(0x01, [bytes[0]]) + Self.frame(0x80, [bytes[1]])).texts == "é|")
        #expect(Self.read(Self.frame(0x01, [bytes[0]]) + Self.frame(0x80, [])).end == 1007)
    }

    @Test(
        arguments: [
            [0xFF], [0xC3], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0x80],
            [0xC3, 0x41],
        ] as [[UInt8]])
    func aTextThatIsNotUTF8Closes(bytes: [UInt8]) { #expect(Self.read(Self.frame(0x81, bytes)).end == 1007) }

    @Test func theSizeOfAMessageIsLimited() {
        #expect(Self.read(Self.text(String(repeating: "a", count: 1000))).end == nil)
        #expect(Self.read(Self.text(String(repeating: "a", count: 1001))).end == 1009)
        let half = String(repeating: "a", count: 600)
        #expect(Self.read(Self.text(half, isFinal: false) + Self.frame(0x80, Array(half.utf8))).end == 1009)
        // The head of a frame alone is refused, even if its length exceeds the range of Int.
        #expect(Self.read([0x81, 0xFF] + [UInt8](repeating: 0xFF, count: 8)).end == 1009)
        // The limit holds for each message.
        #expect(Self.read(Self.text(half) + Self.text(half)).end == nil)
    }

    @Test func violationsOfTheProtocolClose() {
        #expect(Self.read([0x81, 0x01, 0x61]).end == 1002, "not masked")
        #expect(Self.read(Self.frame(0xC1, [])).end == 1002, "compressed")
        #expect(Self.read(Self.frame(0x80, [])).end == 1002, "continues nothing")
        #expect(Self.read(Self.text("a", isFinal: false) + Self.text("b")).end == 1002, "does not continue")
        #expect(Self.read(Self.frame(0x83, [])).end == 1002, "unknown opcode")
        #expect(Self.read(Self.frame(0x09, [])).end == 1002, "fragmented ping")
        #expect(Self.read(Self.frame(0x89, [UInt8](repeating: 0, count: 126))).end == 1002, "long ping")
        #expect(Self.read(Self.frame(0x88, [3])).end == 1002, "half a code")
        #expect(Self.read(Self.frame(0x88, [3, 237])).end == 1002, "reserved code")
        #expect(Self.read(Self.frame(0x88, [3, 232, 0xFF])).end == 1007, "reason that is not UTF-8")
        #expect(Self.read(Self.frame(0x82, [1])).end == 1003, "binary")
    }

    @Test func aCloseFrameNeedsNoCode() { #expect(Self.read(Self.frame(0x88, [])).others == ["close -"]) }
}
