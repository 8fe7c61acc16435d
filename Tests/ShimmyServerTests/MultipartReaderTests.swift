import ShimmyAPI
import ShimmyChat
import ShimmyServer
import ShimmyTestSupport
import Testing

@Suite struct MultipartReaderTests {
    private static func fields(_ text: String, _ boundary: String = "b") throws -> [FormField] {
        try MultipartReader.fields(Array(text.utf8), boundary: boundary)
    }

    private static let valid =
        "a text before\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b  \r\ncontent-type: audio/wav\r\n"
        + "CONTENT-DISPOSITION: Form-Data; filename=\"x \\\"y\\\".wav\"; name=file\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        + "1\r\n--a\r\n\r\n--b\r\n"
        + "Content-Disposition: form-data; name=\"empty\"; filename*=utf-8''%C3%A9.png\r\n\r\n\r\n--b--\r\na text after"

    @Test func fieldsAreRead() throws {
        let fields = try Self.fields(Self.valid)
        #expect(fields.map(\.name) == ["model", "file", "empty"])
        #expect(fields.map(\.fileName) == [nil, "x \"y\".wav", "é.png"])
        #expect(fields.map(\.contentType) == [nil, "audio/wav", nil])
        #expect(fields.map(\.text) == ["m", "1\r\n--a\r\n", ""])
    }

    @Test(arguments: [
        ("multipart/form-data; boundary=abc", "abc"), ("multipart/form-data;charset=x; Boundary=\"a b;c\"", "a b;c"), ("multipart/form-data", nil),
        ("multipart/form-data; boundary=", nil), ("multipart/form-data; boundary=\"a", nil),
    ])
    func theBoundaryIsRead(type: String, boundary: String?) throws {
        if let boundary {
            let found = try MultipartReader.boundary(in: type)
            #expect(found == boundary)
        } else {
            #expect(throws: APIError.self) { try MultipartReader.boundary(in: type) }
        }
    }

    @Test(arguments: [
        "", "--b", "--b\r\n", "nothing", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nm\r\n--b",
        "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nm", "--bx\r\n\r\n\r\n--b--", "--b\r\n\r\nm\r\n--b--",
        "--b\r\nContent-Disposition: form-data\r\n\r\nm\r\n--b--", "--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nm\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nm\r\n--b--", "--b\r\nno colon\r\n\r\nm\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nm\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=a\r\nContent-Type: é\r\n\r\nm\r\n--b--",
        "--b\r\nx: " + String(repeating: "a", count: 10_000) + "\r\n\r\nm\r\n--b--",
        String(repeating: "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n", count: 1_025) + "--b--",
    ])
    func damagedFormsAreRefused(text: String) {
        var code: String?
        do {
            _ = try Self.fields(text)
        } catch {
            code = (error as? APIError)?.code
        }
        #expect(code == "invalid_form")
    }

    /// No part of a form, and no change of a byte, does more than be refused.
    @Test func hostileFormsEnd() throws {
        let bytes = Array(Self.valid.utf8)
        for end in bytes.indices { _ = try? MultipartReader.fields(Array(bytes[..<end]), boundary: "b") }
        var random = SeededGenerator(seed: 7)
        for _ in 0..<5_000 {
            var damaged = bytes
            for _ in 0..<3 { damaged[Int.random(in: damaged.indices, using: &random)] = UInt8.random(in: 0...255, using: &random) }
            let fields = (try? MultipartReader.fields(damaged, boundary: "b")) ?? []
            #expect(fields.allSatisfy { !$0.name.isEmpty && $0.content.count <= bytes.count })
        }
    }
}
