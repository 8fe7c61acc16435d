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
            (HTTPField.Name.connection, "close"), (.secWebSocketVersion, "12"), (.secWebSocketKey, "AAAA"), (.secWebSocketKey, "not base64"),
        ] as [(HTTPField.Name, String)])
    func aWrongHeaderIsNamed(name: HTTPField.Name, value: String) {
        var fields = Self.fields
        fields[name] = value
        #expect { try WebSocketHandshake.accept(fields) } throws: { error in
            (error as? APIError)?.status == 400 && (error as? APIError)?.message.lowercased().contains(name.canonicalName) == true
        }
    }
}
