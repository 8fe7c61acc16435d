#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An IP address. The IPv4 addresses in IPv6 (`::ffff:10.0.0.1`) are equal to the IPv4 addresses.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// 16 bytes in network order; an IPv4 address has the prefix ::ffff:0:0/96.
    let bytes: [UInt8]

    private static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]
    /// The longest text of an address with a zone.
    private static let longestText = 64

    /// Parses an address, which may have brackets and a zone (`fe80::1%eth0`), but no port; nil if it is not valid.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.longestText else { return nil }
        var name = String(text)
        if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
        if let zone = name.firstIndex(of: "%") { name = String(name[..<zone]) }
        var (four, six) = (in_addr(), in6_addr())
        if inet_pton(AF_INET, name, &four) == 1 {
            bytes = Self.mappedPrefix + withUnsafeBytes(of: &four) { Array($0) }
        } else if inet_pton(AF_INET6, name, &six) == 1 {
            bytes = withUnsafeBytes(of: &six) { Array($0) }
        } else {
            return nil
        }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    var isIPv4: Bool { bytes.starts(with: Self.mappedPrefix) }

    /// The bytes of the address in network order: 4 for IPv4, 16 for IPv6.
    package var networkBytes: [UInt8] { isIPv4 ? Array(bytes[12...]) : bytes }

    var isLoopback: Bool { isIPv4 ? bytes[12] == 127 : bytes == [UInt8](repeating: 0, count: 15) + [1] }

    /// The network of one client: the address itself, or the first 64 bits of an IPv6 address, of which one client usually has all.
    var network: IPAddress { isIPv4 ? self : IPAddress(bytes: bytes.prefix(8) + [UInt8](repeating: 0, count: 8)) }

    package var description: String {
        if isIPv4 { return bytes[12...].map { "\($0)" }.joined(separator: ".") }
        var address = in6_addr()
        withUnsafeMutableBytes(of: &address) { $0.copyBytes(from: bytes) }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &address, &text, socklen_t(text.count)) != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// The addresses that share their first bits, such as `10.0.0.0/8`. A single address has all its bits.
package struct IPNetwork: Hashable, Sendable {
    private let address: IPAddress
    private let bits: Int

    /// Parses an address or an address with a number of bits; nil if it is not valid.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(parts[0]) else { return nil }
        let longest = address.isIPv4 ? 32 : 128
        var bits = longest
        if parts.count == 2 {
            guard let number = Int(parts[1]), (0...longest).contains(number) else { return nil }
            bits = number
        }
        self.address = address
        self.bits = 128 - longest + bits
    }

    func contains(_ other: IPAddress) -> Bool {
        let (whole, rest) = (bits / 8, bits % 8)
        guard address.bytes[..<whole] == other.bytes[..<whole] else { return false }
        return rest == 0 || address.bytes[whole] >> (8 - rest) == other.bytes[whole] >> (8 - rest)
    }
}
