// A client of a running server: HTTP, OpenAI's API, and conversations. This target does not depend on how models are found or run.

import ShimmyCore

/// The address of a server as users write it: `127.0.0.1`, `host:8080`, `[::1]:8080`, `https://host/path`, `unix:/path/of/socket`.
package struct ServerAddress: Sendable, Equatable, CustomStringConvertible {
    package let scheme: String
    /// The host name or IP address; an IPv6 address without brackets.
    package let host: String
    package let port: Int
    /// The path before the routes; empty, or beginning with a slash.
    package let path: String
    /// The path of the server's Unix socket; nil for a server at a port.
    package var socket: String?

    private static let socketScheme = "unix:"

    package static let defaultPort = 11435

    /// Parses an address; nil if it is not valid.
    /// - defaultPort: the port if none is given. An address with a scheme uses the scheme's port, except `http://` addresses of this machine.
    /// - isEncrypted: whether an address without a scheme means `https`.
    package init?(_ text: String, defaultPort: Int = Self.defaultPort, isEncrypted: Bool = false) {
        if text.hasPrefix(Self.socketScheme) {
            self.init(socket: text.dropFirst(Self.socketScheme.count))
        } else {
            self.init(url: text, defaultPort: defaultPort, isEncrypted: isEncrypted)
        }
    }

    private init?(url text: String, defaultPort: Int, isEncrypted: Bool) {
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
        self.scheme = scheme ?? (isEncrypted ? "https" : "http")
        // A wildcard address is for listening only; a client uses the loopback address.
        self.host = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
        self.port = port ?? (scheme == "https" ? 443 : scheme == "http" && Self.isPlainName(host) ? 80 : defaultPort)
        self.path = path
    }

    /// Makes the address of a socket at an absolute path, which may follow two slashes; nil if it is not one.
    private init?(socket: Substring) {
        let path = socket.hasPrefix("///") ? socket.dropFirst(2) : socket
        guard path.hasPrefix("/"), !path.hasPrefix("//"), path.count > 1 else { return nil }
        self.scheme = "http"
        self.host = "localhost"
        self.port = 80
        self.path = ""
        self.socket = String(path)
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

    package var description: String { socket.map { Self.socketScheme + $0 } ?? url }

    /// The address with `https`; nil if it already is, and for a socket.
    var encrypted: String? { scheme == "http" && socket == nil ? "https" + url.dropFirst(scheme.count) : nil }

    /// The base URL for an HTTP client, which gets the path of a socket as the host.
    package var requestURL: String { socket.map { "http+unix://\(PercentEncoding.encoded($0))" } ?? url }

    private var url: String { "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)\(path)" }
}
