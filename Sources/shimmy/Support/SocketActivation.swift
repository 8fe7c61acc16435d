import ArgumentParser
import ShimmyClient
import ShimmyServer

/// The addresses that systemd opens for a service.
enum SocketActivation {
    /// Returns the addresses in the options of `serve`, as systemd reads them: 127.0.0.1:11435, if there are none. Throws `ValidationError` for an
    /// address that systemd cannot open.
    static func addresses(_ serve: ServeCommand) throws -> [String] {
        let sockets = try serve.listening.socket.map { path -> [String] in
            guard path.hasPrefix("/"), !path.contains(where: \.isNewline) else {
                throw ValidationError("--socket is '\(path)'; with --socket-activation it must be an absolute path.")
            }
            return [path]
        }
        if serve.listening.socketOnly, let sockets { return sockets }
        let port = serve.port?.number ?? ServerAddress.defaultPort
        if port == 0 { throw ValidationError("--port is 'auto'; --socket-activation needs a port number.") }
        let first = try address(serve.host ?? "127.0.0.1", port: port, option: "--host")
        let others = try serve.listening.listen.map { try address($0, port: port, option: "--listen") }
        return [first] + others + (sockets ?? [])
    }

    private static func address(_ text: String, port: Int, option: String) throws -> String {
        guard let address = ListenAddress(text), HostName.isAddress(address.host) else {
            throw ValidationError("\(option) is '\(text)'; with --socket-activation it must be an IP address.")
        }
        return address.text(port: port)
    }
}
