import ShimmyClient
import ShimmyConfiguration
import ShimmyCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Checks of the port that the server listens on.
enum PortChecks {
    static func findings() async -> [Finding] {
        let environment = Environment.process
        let port = environment.integer(.port) ?? ServerAddress.defaultPort
        if environment.given(.port) == "auto" { return [.fine("port", "any free port")] }
        if environment.flag(.socketOnly) { return [.fine("port", "none; the server listens on its socket only")] }
        let certificate = environment.given(.tlsCert)
        guard let address = ServerAddress("127.0.0.1:\(port)", isEncrypted: certificate != nil) else { return [] }
        let key = environment.list(.apiKey).first
        let encryption = ClientEncryption(trusted: certificate, identity: nil)
        let isServer = try? await ServerClient.with(address, key: key, encryption: encryption) { await $0.isThere() }
        if isServer == true { return [.fine("port", "a server answers at \(address)")] }
        if isFree(port) { return [.fine("port", "\(port) is free; no server runs there")] }
        let process = PortHolder.describe(port: port)
        if let process, process.hasPrefix("shimmy ") {
            return [
                .warning(
                    "port", "\(process) uses \(port), but does not answer at \(address)",
                    "If that server uses TLS, set \(Setting.tlsCert.variable) or tls_cert in shimmy.toml to its certificate.")
            ]
        }
        let holder = process.map { " by \($0)" } ?? ""
        return [.problem("port", "\(port) is in use\(holder)", "Stop that program, or choose another port with --port.")]
    }

    /// Returns whether a server could listen on a port of this machine.
    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, SocketKind.stream, 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        var reuses: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuses, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port).bigEndian)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        return code == 0 || errno != EADDRINUSE
    }
}
