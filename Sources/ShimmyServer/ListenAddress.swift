/// An address to listen on beside the first one.
package struct ListenAddress: Sendable, Equatable {
    package let host: String
    /// The port; nil for the port of the first address.
    package let port: Int?
    /// Whether the user asked for this address, so that the server does not start without it.
    package let isRequested: Bool

    package init(host: String, port: Int? = nil, isRequested: Bool = true) {
        self.host = host
        self.port = port
        self.isRequested = isRequested
    }

    /// Returns the address in the form that `init(_:)` parses.
    /// - port: the port of the first address.
    package func text(port: Int) -> String { "\(host.contains(":") ? "[\(host)]" : host):\(self.port ?? port)" }

    /// Parses `HOST`, `HOST:PORT`, `ADDRESS` or `[ADDRESS]:PORT`; nil if the text is none of these.
    package init?(_ text: String) {
        if let address = IPAddress(text) {
            self.init(host: "\(address)")
            return
        }
        guard let host = HostName.withoutPort(text), !host.isEmpty, !host.contains(where: \.isWhitespace) else { return nil }
        let name = text.hasPrefix("[") ? "[\(host)]" : host
        guard text != name else {
            self.init(host: host)
            return
        }
        guard let port = Int(text.dropFirst(name.count + 1)), (1...65535).contains(port) else { return nil }
        self.init(host: host, port: port)
    }
}
