import ArgumentParser

/// A port number, or `auto` for any free port.
enum PortChoice: ExpressibleByArgument {
    case number(Int)
    case auto

    init?(argument: String) {
        if argument == "auto" {
            self = .auto
        } else if let number = Int(argument), (1...65535).contains(number) {
            self = .number(number)
        } else {
            return nil
        }
    }

    static func parse(_ text: String) throws -> PortChoice {
        guard let choice = PortChoice(argument: text) else { throw ValidationError("'\(text)' is not a port number. Use 1 to 65535, or auto.") }
        return choice
    }

    /// The port number to bind; 0 lets the system choose.
    var number: Int {
        switch self {
        case .number(let number): number
        case .auto: 0
        }
    }
}

/// The variable of the host as a server reads it. It has the forms that clients accept: a host with or without a port, or an
/// HTTP address.
enum SharedHost {
    static func parse(_ text: String) -> (host: String, port: PortChoice?) {
        var text = text[...]
        for scheme in ["http://", "https://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
        while text.last == "/" { text = text.dropLast() }
        // A bare IPv6 address contains colons without having a port.
        let mayHavePort = text.first == "[" || text.count(where: { $0 == ":" }) == 1
        guard mayHavePort, let bind = BindAddress(String(text)) else { return (String(text.filter { $0 != "[" && $0 != "]" }), nil) }
        return (bind.host, bind.port)
    }
}

/// An address in the form `host:port`, as the Rust version of Shimmy reads it from the environment.
struct BindAddress {
    let host: String
    let port: PortChoice

    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = PortChoice(argument: String(text[text.index(after: colon)...])) else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        if host.isEmpty { return nil }
        self.host = String(host)
        self.port = port
    }
}
