import Foundation
import ShimmyClient
import ShimmyJSON
import Testing

@Suite struct ImageFileTests {
    private let path = FileManager.default.temporaryDirectory.appendingPathComponent("shimmy-\(UInt64.random(in: 0 ... .max))").path

    private func image(_ bytes: [UInt8]) throws -> ImageFile {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try ImageFile(file: path)
    }

    @Test(
        arguments: [
            ("image/png", [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1]), ("image/jpeg", [0xFF, 0xD8, 0xFF, 0xE0]),
            ("image/gif", Array("GIF89a".utf8)), ("image/webp", Array("RIFF\u{1}\u{2}\u{3}\u{4}WEBPVP8 ".utf8)),
        ] as [(String, [UInt8])])
    func theKindFollowsFromTheBytes(type: String, bytes: [UInt8]) throws {
        let address = try image(bytes).address
        #expect(address == "data:\(type);base64,\(Data(bytes).base64EncodedString())")
    }

    @Test(arguments: [[], Array("<svg/>".utf8), Array("RIFF\u{1}\u{2}\u{3}\u{4}WAVEfmt ".utf8), [0x89, 0x50]] as [[UInt8]])
    func otherFilesAreRefused(bytes: [UInt8]) {
        #expect(throws: ImageFile.Refusal(description: "\(path) is not a PNG, JPEG, GIF or WebP image")) { try image(bytes) }
    }

    @Test func aMissingFileIsReported() {
        #expect(throws: ImageFile.Refusal.self) { try ImageFile(file: "/no/such/file") }
    }

    @Test func imagesBelongToTheNextQuestionAndAreSaved() throws {
        let one = try image([0xFF, 0xD8, 0xFF])
        var session = ChatSession(model: "m")
        try session.attach(one)
        session.ask("What is it?")
        session.answered("A dot.")
        session.ask("Are you sure?")
        let messages = session.request()["messages"]
        let parts: JSON = [["type": "image_url", "image_url": ["url": .string(one.address)]], ["type": "text", "text": "What is it?"]]
        #expect(messages?[0] == ["role": "user", "content": parts])
        #expect(messages?[2] == ["role": "user", "content": "Are you sure?"])
        var restored = ChatSession(model: "m")
        try restored.attach(one)
        let saved = try JSON.parse(session.saved.pretty())
        _ = try restored.restore(saved)
        #expect(restored == session && restored.images.isEmpty)
        try restored.attach(one)
        restored.clear()
        #expect(restored.images.isEmpty && restored.messages.isEmpty)
    }

    /// Each request contains all images, and a server takes only so much.
    @Test func theImagesOfAConversationAreBounded() throws {
        let large = try image([0xFF, 0xD8, 0xFF] + [UInt8](repeating: 0, count: 10 << 20))
        var session = ChatSession(model: "m")
        try session.attach(large)
        session.ask("What is it?")
        #expect(throws: ImageFile.Refusal.self) { try session.attach(large) }
        #expect(session.images.isEmpty)
        session.answered("")
        try session.attach(large)
        #expect(session.images.count == 1)
    }

    @Test(arguments: [[1], [["type": "text"]], ["x"], 7] as [JSON])
    func aSavedMessageWithOtherPartsIsNotRead(content: JSON) {
        var session = ChatSession(model: "m")
        let saved: JSON = ["version": 1, "model": "m", "messages": [["role": "user", "content": content]]]
        #expect(throws: ChatSession.Unreadable.self) { try session.restore(saved) }
    }
}
