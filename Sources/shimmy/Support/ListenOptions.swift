import ArgumentParser
import Foundation
import Logging
import ShimmyConfiguration
import ShimmyDaemon
import ShimmyServer

/// The options about the addresses that the server listens on, their encryption, and the proxies in front of them.
struct ListenOptions: ParsableArguments {
    @Option(help: .setting(.listen))
    var listen: [String] = []

    @Option(help: .setting(.socket))
    var socket: String?

    @Flag(help: .setting(.socketOnly))
    var socketOnly = false

    @Option(help: .setting(.tlsCert))
    var tlsCert: String?

    @Option(help: .setting(.tlsKey))
    var tlsKey: String?

    @Option(help: .setting(.tlsClientCA))
    var tlsClientCa: String?

    @Option(help: .setting(.trustProxy))
    var trustProxy: [String] = []

    /// Throws `ValidationError` for an address that is malformed, and for options that need each other. Exits if the certificate or the socket cannot
    /// be used.
    func apply(to configuration: inout ServerConfiguration, _ environment: Environment, _ logger: Logger) throws {
        configuration.inherited = try Self.inherited()
        for text in listen.isEmpty ? environment.list(.listen) : listen {
            guard let address = ListenAddress(text) else {
                throw ValidationError("--listen is '\(text)'; it must be HOST, HOST:PORT or [ADDRESS]:PORT.")
            }
            Self.add(address, to: &configuration)
        }
        let proxies = trustProxy.isEmpty ? environment.list(.trustProxy) : trustProxy
        guard let trusted = TrustedProxies(proxies) else {
            throw ValidationError(
                "--trust-proxy is '\(proxies.joined(separator: ","))'; it must contain addresses such as 10.0.0.1, networks such as 10.0.0.0/8, "
                    + "or unix.")
        }
        configuration.proxies = trusted
        try applySocket(to: &configuration, environment)
        configuration.identity = try identity(environment, logger)
    }

    /// Returns the sockets of the service manager that started this process.
    private static func inherited() throws -> [InheritedSocket] {
        let process = ProcessInfo.processInfo.processIdentifier
        return try PassedSockets.descriptors(environment: ProcessConfiguration.environment, process: process).map { descriptor in
            guard let socket = InheritedSocket(descriptor: descriptor) else {
                throw ValidationError("The service manager passed descriptor \(descriptor), which is not a listening socket; use ListenStream= only.")
            }
            return socket
        }
    }

    /// Adds an address that the server does not listen on yet. Binding one address twice fails.
    private static func add(_ address: ListenAddress, to configuration: inout ServerConfiguration) {
        if address.host == configuration.host, address.port == nil || address.port == configuration.port { return }
        configuration.others.removeAll { $0.host == address.host && ($0.port ?? configuration.port) == (address.port ?? configuration.port) }
        configuration.others.append(address)
    }

    private func applySocket(to configuration: inout ServerConfiguration, _ environment: Environment) throws {
        configuration.socket = socket ?? environment.given(.socket)
        configuration.isSocketOnly = socketOnly || environment.flag(.socketOnly)
        guard let path = configuration.socket else {
            if configuration.isSocketOnly { throw ValidationError("--socket-only needs the path of the socket: --socket PATH.") }
            return
        }
        guard path.utf8.count <= UnixSocket.longestPath else {
            throw ValidationError("--socket has \(path.utf8.count) bytes; the path of a socket must have at most \(UnixSocket.longestPath).")
        }
        if configuration.inherited.isEmpty, UnixSocket.isInUse(path) {
            Console.error("a program already listens on the socket \(path); choose another path with --socket")
            throw ExitStatus.portInUse
        }
    }

    private func identity(_ environment: Environment, _ logger: Logger) throws -> TLSIdentity? {
        let certificate = tlsCert ?? environment.given(.tlsCert)
        let key = tlsKey ?? environment.given(.tlsKey)
        let authority = tlsClientCa ?? environment.given(.tlsClientCA)
        guard let certificate, let key else {
            if certificate != nil || key != nil { throw ValidationError("--tls-cert and --tls-key need each other.") }
            if authority != nil { throw ValidationError("--tls-client-ca needs --tls-cert and --tls-key.") }
            return nil
        }
        do {
            // Only the folders of absolute paths are watched for changes.
            let identity = try TLSIdentity(
                TLSFiles(
                    certificate: ConfigurationPlace.absolute(certificate), key: ConfigurationPlace.absolute(key),
                    clientAuthority: authority.map(ConfigurationPlace.absolute)))
            TLSWatch.warn(about: identity, logger)
            return identity
        } catch {
            Console.error(error.description)
            throw ExitStatus.failure
        }
    }
}
