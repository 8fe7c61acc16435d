import ShimmyServer
import Testing

@Suite struct HostNameTests {
    @Test(arguments: [
        ("localhost:11435", "localhost"), ("127.0.0.1", "127.0.0.1"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("a.example:1", "a.example"),
        ("", nil), ("host:port", nil), ("host:", "host"), (":80", nil), ("[::1", nil), ("[::1]x", nil), ("a:1:2", nil), ("a:123456", nil),
    ])
    func portsAreCutOff(authority: String, host: String?) { #expect(HostName.withoutPort(authority) == host) }

    @Test(arguments: ["localhost", "LOCALHOST", "app.localhost", "127.0.0.1", "127.8.9.10", "::1"])
    func loopbackNames(name: String) { #expect(HostName.isLoopback(name)) }

    @Test(arguments: ["evil.example", "127.0.0.1.evil.example", "127.evil.example", "localhost.evil.example", "0.0.0.0", "10.0.0.1", "127.0.0.256"])
    func otherNames(name: String) { #expect(!HostName.isLoopback(name)) }

    @Test func addressesCannotBeRebound() {
        #expect(HostName.isAddress("192.168.0.7"))
        #expect(HostName.isAddress("fe80::1"))
        #expect(!HostName.isAddress("192.168.0"))
        #expect(!HostName.isAddress("192.168.0.7.nip.example"))
    }

    @Test(arguments: [
        ("http://localhost:3000", "localhost"), ("https://[::1]:3000", "::1"), ("null", nil), ("file://", nil), ("https://ui.example", "ui.example"),
    ])
    func originsHaveHosts(origin: String, host: String?) { #expect(HostName.ofOrigin(origin) == host) }
}
