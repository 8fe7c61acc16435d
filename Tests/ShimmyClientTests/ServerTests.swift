import ShimmyClient
import Testing

@Suite struct ServerTests {
    @Test(arguments: [
        ("127.0.0.1", "http://127.0.0.1:11435"), ("localhost:8080", "http://localhost:8080"), ("http://127.0.0.1", "http://127.0.0.1:11435"),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"), ("https://models.example", "https://models.example:443"),
        ("http://models.example/shimmy/", "http://models.example:80/shimmy"), ("http://h:1/v1", "http://h:1"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("[::1]:8000", "http://[::1]:8000"), ("::1", "http://[::1]:11435"), ("[::]", "http://[::1]:11435"),
        ("models.example", "http://models.example:11435"),
    ])
    func addressesAreRead(text: String, address: String) { #expect(ServerAddress(text).map { "\($0)" } == address) }

    @Test(arguments: ["", "ftp://host", "host:0", "host:99999", "host:x", "http://", "a b", "[::1", "[::1]x", "h:1/a b", "user@host"])
    func otherTextsAreNone(text: String) { #expect(ServerAddress(text) == nil) }

    @Test(arguments: [
        ("127.0.0.1", "http://127.0.0.1:11434"), ("0.0.0.0", "http://127.0.0.1:11434"), ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        (":8000", "http://127.0.0.1:8000"), ("http://models.example", "http://models.example:80"), ("http://10.0.0.1:8000/", "http://10.0.0.1:8000"),
        ("https://models.example", "https://models.example:443"), ("[::1]", "http://[::1]:11434"), ("::1", "http://[::1]:11434"), ("a b", nil),
    ])
    func ollamasAddressesAreRead(text: String, address: String?) { #expect(ServerAddress(ofOllama: text).map { "\($0)" } == address) }

    @Test func thePortMayComeFromElsewhere() {
        #expect(ServerAddress("10.0.0.1", defaultPort: 8080)?.port == 8080)
        #expect(ServerAddress("10.0.0.1:1", defaultPort: 8080)?.port == 1)
    }

    @Test func eventsMayComeInPieces() throws {
        var reader = ServerSentEventReader()
        #expect(try reader.push("data: {\"a\"".utf8).isEmpty)
        #expect(try reader.push(":1}\n\n: ping\n\ndata:x\ndata: y\n".utf8) == [.data(Array("{\"a\":1}".utf8)), .comment("ping")])
        #expect(try reader.push("\nevent: z\n\ndata: [DONE]\n\n".utf8) == [.data(Array("x\ny".utf8)), .data(Array("[DONE]".utf8))])
        #expect(try reader.push(":no space\r\ndata: 1\r\n".utf8) == [.comment("no space")])
        #expect(try reader.push("\n".utf8) == [.data(Array("1".utf8))])
    }

    @Test func linesAndEventsWithoutEndAreRefused() throws {
        var reader = ServerSentEventReader(limit: 100)
        #expect(throws: ServerSentEventReader.TooLong(bytes: 100)) { for _ in 0..<10 { _ = try reader.push([UInt8](repeating: 0x61, count: 20)) } }
        var lines = ServerSentEventReader(limit: 100)
        #expect(throws: ServerSentEventReader.TooLong(bytes: 100)) { for _ in 0..<200 { _ = try lines.push("data:\n".utf8) } }
        var events = ServerSentEventReader(limit: 100)
        for _ in 0..<1000 { _ = try events.push("data: 0123456789\n\n: ping\n\n".utf8) }
    }

    @Test func linesEndInThreeWays() throws {
        for end in ["\n", "\r\n", "\r"] {
            var reader = ServerSentEventReader()
            let events = try reader.push("data: a\(end)data: b\(end)\(end)".utf8)
            #expect(events == [.data(Array("a\nb".utf8))])
        }
    }

    @Test func namesBecomePathsWhole() { #expect(ServerClient.encoded("user/repo:Q4 ü?#%") == "user/repo:Q4%20%C3%BC%3F%23%25") }
}
