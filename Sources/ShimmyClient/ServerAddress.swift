// A client of a running server: HTTP, OpenAI's API, and conversations. This target does not depend on how models are found or run.

/// The address of a server as users write it: `127.0.0.1`, `host:8080`, `[::1]:8080`, `https://host/path`.
package struct ServerAddress: Sendable, Equatable, CustomStringConvertible {
    package let scheme: String
    /// The host name or IP address; an IPv6 address without brackets.
    package let host: String
    package let port: Int
    /// The path before the routes; empty, or beginning with a slash.
    package let path: String

    package static let defaultPort = 11435

    /// Parses an address; nil if it is not valid.
    /// - defaultPort: the port if none is given. An address with a scheme uses the scheme's port, except `http://` addresses of this machine.
    package init?(_ text: String, defaultPort: Int = Self.defaultPort) {
        var rest = text[...]
        var scheme: String?
        if let end = rest.firstRange(of: "://") {
            scheme = rest[..<end.lowerBound].lowercased()
            rest = rest[end.upperBound...]
        }
        guard scheme == nil || scheme == "http" || scheme == "https" else { return nil }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var path = String(rest[slash...])
        while path.hasSuffix("/") { path.removeLast() }
        // The base URLs of OpenAI's clients end with `/v1`; accept them here too.
        if path.hasSuffix("/v1") { path.removeLast(3) }
        guard let (host, port) = Self.split(rest[..<slash]), path.allSatisfy({ $0.isASCII && !$0.isWhitespace }) else { return nil }
        self.scheme = scheme ?? "http"
        // A wildcard address is for listening only; a client uses the loopback address.
        self.host = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
        self.port = port ?? (scheme == "https" ? 443 : scheme == "http" && Self.isPlainName(host) ? 80 : defaultPort)
        self.path = path
    }

    /// Parses an address as Ollama's commands do: without a port, it means Ollama's port, or the scheme's if it has a scheme. Returns nil if it is
    /// not valid.
    package init?(ofOllama text: String) {
        let isPort = text.hasPrefix(":") && !text.hasPrefix("::")
        self.init(isPort ? "127.0.0.1\(text)" : text, defaultPort: text.hasPrefix("http://") ? 80 : 11434)
    }

    /// Returns whether an HTTP address without a port means port 80. `http://host` is a web server, but `http://127.0.0.1` is Shimmy on this machine.
    private static func isPlainName(_ host: String) -> Bool { !["127.0.0.1", "localhost", "::1", "0.0.0.0", "::"].contains(host) }

    private static func split(_ authority: Substring) -> (host: String, port: Int?)? {
        var host = authority
        var port: Substring?
        if host.first == "[" {
            guard let close = host.firstIndex(of: "]") else { return nil }
            let after = host[host.index(after: close)...]
            guard after.isEmpty || after.first == ":" else { return nil }
            port = after.isEmpty ? nil : after.dropFirst()
            host = host[host.index(after: host.startIndex)..<close]
        } else if host.count(where: { $0 == ":" }) == 1, let colon = host.firstIndex(of: ":") {
            port = host[host.index(after: colon)...]
            host = host[..<colon]
        }
        guard !host.isEmpty, host.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-._:".contains($0)) }) else { return nil }
        guard let port else { return (String(host), nil) }
        guard let number = Int(port), (1...65535).contains(number) else { return nil }
        return (String(host), number)
    }

    package var description: String { "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)\(path)" }
}
