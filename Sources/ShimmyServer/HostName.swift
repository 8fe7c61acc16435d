/// Parses host names and authorities, such as `localhost:11435`, `[::1]:11435` and `https://ui.example`.
package enum HostName {
    /// Returns the host of an authority without its port; nil if the authority is not valid.
    package static func withoutPort(_ authority: String) -> String? {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let rest = authority[authority.index(after: end)...]
            guard rest.isEmpty || isPort(rest) else { return nil }
            return String(authority[authority.index(after: authority.startIndex)..<end])
        }
        guard let colon = authority.firstIndex(of: ":") else { return authority.isEmpty ? nil : authority }
        guard isPort(authority[colon...]), colon != authority.startIndex else { return nil }
        return String(authority[..<colon])
    }

    private static func isPort(_ text: Substring) -> Bool {
        guard text.first == ":" else { return false }
        return text.dropFirst().count <= 5 && text.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }
    }

    /// Returns whether a host name or address refers to this machine.
    package static func isLoopback(_ host: String) -> Bool {
        let name = host.lowercased()
        return name == "localhost" || name.hasSuffix(".localhost") || name == "::1" || (name.hasPrefix("127.") && isAddress(name))
    }

    /// Returns whether `host` is an IP address. DNS rebinding cannot forge an address, because it needs no DNS lookup.
    package static func isAddress(_ host: String) -> Bool {
        if host.contains(":") { return host.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." } }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Returns the host of a browser's Origin header; nil for `null` and for anything that is not a web origin.
    package static func ofOrigin(_ origin: String) -> String? {
        for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
            return withoutPort(String(origin.dropFirst(scheme.count)))
        }
        return nil
    }
}
