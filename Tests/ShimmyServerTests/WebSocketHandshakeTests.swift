import HTTPTypes
import ShimmyAPI
import ShimmyServer
import Testing

@Suite struct WebSocketHandshakeTests {
    private static let fields: HTTPFields = [
        .connection: "keep-alive, Upgrade", .upgrade: "websocket", .secWebSocketVersion: "13", .secWebSocketKey: "dGhlIHNhbXBsZSBub25jZQ==",
    ]

    /// The example of RFC 6455, section 1.3.
    @Test func theKeyIsAnswered() throws { #expect(try WebSocketHandshake.accept(Self.fields) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") }

    @Test(
        arguments: [
            (HTTPField.Name.connection, "close", 400), (.connection, "not-an-upgrade", 400), (.secWebSocketVersion, "12", 426),
            (.secWebSocketKey, "AAAA", 400), (.secWebSocketKey, "not base64", 400),
        ] as [(HTTPField.Name, String, Int)])
    func aWrongHeaderIsNamed(name: HTTPField.Name, value: String, status: Int) {
        var fields = Self.fields
        fields[name] = value
        #expect { try WebSocketHandshake.accept(fields) } throws: { error in
            (error as? APIError)?.status == status && (error as? APIError)?.message.lowercased().contains(name.canonicalName) == true
        }
    }
}
