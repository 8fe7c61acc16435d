import ShimmyClient
import Testing

/// Server addresses with encryption and those of Unix sockets.
@Suite struct ServerAddressTests {
    @Test func aSchemeDecidesAboutEncryption() {
        #expect(ServerAddress("https://chat.example")?.description == "https://chat.example:443")
        #expect(ServerAddress("https://127.0.0.1:8443/v1")?.description == "https://127.0.0.1:8443")
        #expect(ServerAddress("127.0.0.1", isEncrypted: true)?.description == "https://127.0.0.1:11435")
        #expect(ServerAddress("http://127.0.0.1", isEncrypted: true)?.description == "http://127.0.0.1:11435")
    }

    @Test(arguments: ["unix:/run/shimmy.sock", "unix:///run/shimmy.sock"]) func aSocketHasAPath(text: String) {
        #expect(ServerAddress(text)?.socket == "/run/shimmy.sock")
        #expect(ServerAddress(text)?.description == "unix:/run/shimmy.sock")
    }

    @Test(arguments: ["unix:", "unix:/", "unix:shimmy.sock", "unix://host/shimmy.sock", "ftp://host"]) func othersAreRefused(text: String) {
        #expect(ServerAddress(text) == nil)
    }
}
