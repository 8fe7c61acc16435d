import HTTPTypes
import ShimmyServer
import Testing

/// The address of a client behind reverse proxies.
@Suite struct TrustedProxiesTests {
    private static let name = HTTPField.Name("X-Forwarded-For")!

    /// Returns the client of a request from a peer, for a server that trusts 10.0.0.0/8, ::1 and the socket.
    private func client(_ peer: String?, _ values: String...) throws -> String? {
        let proxies = try #require(TrustedProxies(["10.0.0.0/8", "::1", "unix"]))
        var headers: HTTPFields = [:]
        for value in values { headers.append(HTTPField(name: Self.name, value: value)) }
        return proxies.client(ofPeer: peer, headers)?.description
    }

    @Test func aProxyNamesItsClient() throws {
        for peer in ["10.1.2.3", "::1", "::ffff:10.0.0.9", nil] as [String?] { #expect(try client(peer, "203.0.113.7") == "203.0.113.7") }
        #expect(try client("10.0.0.1", "2001:DB8::1") == "2001:db8::1")
        #expect(try client("10.0.0.1", "203.0.113.7:55555") == "203.0.113.7")
        #expect(try client("10.0.0.1", "[2001:db8::1]:55555") == "2001:db8::1")
    }

    @Test func nobodyElseDoes() throws {
        for peer in ["203.0.113.9", "11.0.0.1", "127.0.0.1", "not an address"] { #expect(try client(peer, "203.0.113.7") == nil) }
        #expect(TrustedProxies().client(ofPeer: nil, [Self.name: "203.0.113.7"]) == nil)
    }

    @Test func theClaimsOfTheClientAreIgnored() throws {
        #expect(try client("10.0.0.1", "198.51.100.1, 203.0.113.7") == "203.0.113.7")
        #expect(try client("10.0.0.1", "198.51.100.1", "203.0.113.7 , 10.0.0.5") == "203.0.113.7")
        #expect(try client("10.0.0.1") == nil)
    }

    /// Nobody may try keys without a limit behind a proxy.
    @Test func anUnknownClientHasAnAddressToo() throws {
        #expect(try client("10.0.0.1", "10.0.0.5") == "10.0.0.5")
        #expect(try client("10.0.0.1", "10.0.0.7, 10.0.0.5") == "10.0.0.7")
        #expect(try client("10.0.0.1", String(repeating: "10.0.0.2,", count: 5_000)) == "10.0.0.2")
        #expect(try client("10.0.0.1", "198.51.100.1, garbage") == "10.0.0.1")
        #expect(try client("10.0.0.1", "garbage, 10.0.0.5") == "10.0.0.5")
        for peer in ["::1", nil] as [String?] { #expect(try client(peer, "garbage") == "0.0.0.0") }
        #expect(try client("::1", "::1") == nil)
    }

    @Test(arguments: ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "proxy.example", "2001:db8::/129", "10.0.0"])
    func otherNamesAreRefused(name: String) {
        #expect(TrustedProxies([name]) == nil)
    }

    @Test func aTrustedProxyNamesTheScheme() throws {
        let proxies = try #require(TrustedProxies(["10.0.0.0/8"]))
        let name = try #require(HTTPField.Name("X-Forwarded-Proto"))
        for (text, scheme) in [("https", "https"), ("HTTP", "http"), ("https, http ", "http"), ("ftp", nil), ("", nil)] as [(String, String?)] {
            #expect(proxies.scheme(ofPeer: "10.0.0.1", [name: text]) == scheme)
        }
        #expect(proxies.scheme(ofPeer: "10.0.0.1", [:]) == nil)
        #expect(proxies.scheme(ofPeer: "198.51.100.1", [name: "https"]) == nil)
    }

    @Test func aNetworkEndsWithinAByte() throws {
        let network = try #require(IPNetwork("10.16.0.0/12"))
        let proxies = try #require(TrustedProxies(["10.16.0.0/12"]))
        #expect(IPNetwork("10.16.0.0/12") == network)
        #expect(proxies.client(ofPeer: "10.31.255.255", [Self.name: "203.0.113.7"]) != nil)
        #expect(proxies.client(ofPeer: "10.32.0.0", [Self.name: "203.0.113.7"]) == nil)
        let everything = try #require(TrustedProxies(["0.0.0.0/0"]))
        #expect(everything.client(ofPeer: "198.51.100.1", [Self.name: "2001:db8::1"])?.description == "2001:db8::1")
    }
}
