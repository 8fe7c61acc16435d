import ShimmyServer
import Testing

/// Addresses to listen on as users write them.
@Suite struct ListenAddressTests {
    @Test func aPortIsOptional() {
        #expect(ListenAddress("192.168.1.5") == ListenAddress(host: "192.168.1.5"))
        #expect(ListenAddress("192.168.1.5:8080") == ListenAddress(host: "192.168.1.5", port: 8080))
        #expect(ListenAddress("server.local") == ListenAddress(host: "server.local"))
        #expect(ListenAddress("server.local:80") == ListenAddress(host: "server.local", port: 80))
        #expect(ListenAddress("::") == ListenAddress(host: "::"))
        #expect(ListenAddress("[::1]") == ListenAddress(host: "::1"))
        #expect(ListenAddress("[::1]:8080") == ListenAddress(host: "::1", port: 8080))
    }

    @Test(arguments: ["", ":80", "host:", "host:0", "host:65536", "host:abc", "[::1", "a b", "[::1]80"]) func othersAreRefused(text: String) {
        #expect(ListenAddress(text) == nil)
    }

    @Test(arguments: ["192.168.1.5:8080", "server.local:80", "[fd00::5]:8080"]) func addressesAreWrittenAsTheyAreRead(text: String) {
        #expect(ListenAddress(text)?.text(port: 1) == text)
        #expect(ListenAddress(host: "::1").text(port: 1) == "[::1]:1")
    }

    @Test func anyAddressOfTheServerCanExposeIt() {
        var configuration = ServerConfiguration()
        #expect(configuration.isLoopback)
        configuration.others = [ListenAddress(host: "::1"), ListenAddress(host: "0.0.0.0")]
        #expect(configuration.exposedHost == "0.0.0.0")
        configuration.isSocketOnly = true
        #expect(configuration.isLoopback)
    }
}
