package import HTTPTypes

/// The reverse proxies whose headers `X-Forwarded-For` and `X-Forwarded-Proto` the server believes.
package struct TrustedProxies: Sendable, Equatable {
    /// The word for the programs that connect through the Unix socket.
    private static let socketName = "unix"
    /// The max number of addresses in a header that are read.
    private static let longestChain = 32

    private var networks: [IPNetwork] = []
    private var includesSocket = false

    package init() {}

    /// - names: addresses, networks such as `10.0.0.0/8`, and `unix` for the Unix socket. Returns nil if one of them is none of these.
    package init?(_ names: [String]) {
        for name in names {
            if name == Self.socketName {
                includesSocket = true
            } else if let network = IPNetwork(name) {
                networks.append(network)
            } else {
                return nil
            }
        }
    }

    /// - peer: the address of a connection; nil for the Unix socket.
    func trusts(_ peer: String?) -> Bool {
        guard let peer else { return includesSocket }
        return !networks.isEmpty && IPAddress(peer).map(contains) == true
    }

    private func contains(_ address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }

    /// Returns the address of the client of a request that a trusted proxy forwarded: the last one in `X-Forwarded-For` that is not a trusted proxy.
    /// The addresses before it are the client's own claims. If all are trusted, it is the first one. If no address can be read, it is that of the
    /// proxy, or `0.0.0.0` for a proxy on this machine, whose own requests have no limit of wrong keys. Returns nil if the request does not come from
    /// a trusted proxy, or if it is one of the proxy itself.
    package func client(ofPeer peer: String?, _ headers: HTTPFields) -> IPAddress? {
        guard trusts(peer) else { return nil }
        let chain = headers[values: Self.forwardedFor].flatMap { $0.split(separator: ",") }
        var nearest: IPAddress?
        for text in chain.suffix(Self.longestChain).reversed() {
            guard let address = Self.address(text) else { return nearest ?? Self.unknown(behind: peer) }
            if !contains(address) { return address }
            if !address.isLoopback { nearest = address }
        }
        return nearest
    }

    private static func unknown(behind peer: String?) -> IPAddress? {
        if let proxy = peer.flatMap({ IPAddress($0) }), !proxy.isLoopback { return proxy }
        return IPAddress("0.0.0.0")
    }

    /// Returns the address of an element, which has a port if some proxies write it.
    private static func address(_ text: Substring) -> IPAddress? {
        let text = text.trimmingSpaces
        if let address = IPAddress(text) { return address }
        return HostName.withoutPort(text).flatMap { IPAddress($0) }
    }

    /// Returns the scheme with which a client reached the trusted proxy that forwarded its request; nil if there is no such proxy or scheme.
    package func scheme(ofPeer peer: String?, _ headers: HTTPFields) -> String? {
        guard trusts(peer), let named = headers[values: Self.forwardedProto].last?.split(separator: ",").last else { return nil }
        let scheme = named.trimmingSpaces.lowercased()
        return ["http", "https"].contains(scheme) ? scheme : nil
    }

    private static let forwardedFor = HTTPField.Name("X-Forwarded-For")!
    private static let forwardedProto = HTTPField.Name("X-Forwarded-Proto")!
}
