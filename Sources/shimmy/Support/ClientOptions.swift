import ArgumentParser
import Foundation
import ShimmyClient
import ShimmyConfiguration
import ShimmyJSON

/// The options of every command that talks to a running server.
struct ClientOptions: ParsableArguments {
    @Option(help: .setting(.host, as: "Server address: host, host:port, a URL or unix:PATH. Default: the configured address, else 127.0.0.1:11435."))
    var host: String?

    @Option(help: .setting(.apiKey, as: "API key of the server. Default: the first configured key."))
    var apiKey: String?

    @Option(
        help: """
            File of certificates in PEM format to trust, in addition to the system's. Default: the configured certificate. \
            [\(Settings.trustedCertificates)]
            """)
    var tlsCa: String?

    @Option(
        help: """
            File with the certificate to identify with, for a server with --tls-client-ca, in PEM format. [\(Settings.clientCertificate)]
            """)
    var tlsClientCert: String?

    @Option(help: "File with the private key of --tls-client-cert, in PEM format. [\(Settings.clientKey)]")
    var tlsClientKey: String?

    /// Whether the command line names a server, so that the command must use that server and nothing else.
    var namesServer: Bool { host != nil }

    func validate() throws {
        try OptionRanges.checkEnvironment()
        _ = try address
        if let file = tlsCa ?? Environment.process.string(Settings.trustedCertificates), !FileManager.default.isReadableFile(atPath: file) {
            throw ValidationError("--tls-ca is '\(file)', which cannot be read.")
        }
        if (clientCertificate == nil) != (clientKey == nil) { throw ValidationError("--tls-client-cert and --tls-client-key need each other.") }
        for (option, file) in [("--tls-client-cert", clientCertificate), ("--tls-client-key", clientKey)] {
            if let file, !FileManager.default.isReadableFile(atPath: file) {
                throw ValidationError("\(option) is '\(file)', which cannot be read.")
            }
        }
    }

    private var clientCertificate: String? { tlsClientCert ?? Environment.process.string(Settings.clientCertificate) }

    private var clientKey: String? { tlsClientKey ?? Environment.process.string(Settings.clientKey) }

    /// The certificates for TLS; nil for the system's.
    private var encryption: ClientEncryption? {
        var identity: ClientEncryption.Identity?
        if let clientCertificate, let clientKey { identity = .init(certificate: clientCertificate, key: clientKey) }
        if certificates == nil, identity == nil { return nil }
        return ClientEncryption(trusted: certificates, identity: identity)
    }

    /// The file of additional certificates to trust: for a self-signed certificate, the certificate itself.
    private var certificates: String? {
        let environment = Environment.process
        if let file = tlsCa ?? environment.string(Settings.trustedCertificates) { return file }
        return environment.given(.tlsCert).flatMap { FileManager.default.isReadableFile(atPath: $0) ? $0 : nil }
    }

    /// The server's address. Throws `ValidationError` if the text is not an address.
    var address: ServerAddress {
        get throws {
            let environment = Environment.process
            let own = host ?? environment.given(.host) ?? environment.string(Settings.bindAddress)
            // Users who moved from Ollama may have its variable. It has the lowest priority, and another program's mistake in it does no harm.
            if own == nil, environment.given(.port) == nil,
                let address = environment.string(OllamaPort.variable).flatMap(ServerAddress.init(ofOllama:))
            {
                return address
            }
            if own == nil, environment.flag(.socketOnly), let socket = environment.given(.socket), let address = ServerAddress("unix:\(socket)") {
                return address
            }
            let text = own ?? "127.0.0.1"
            let port = environment.integer(.port) ?? ServerAddress.defaultPort
            // The address on the command line may be another server's, which the configuration does not describe.
            let isEncrypted = !namesServer && environment.given(.tlsCert) != nil
            guard let address = ServerAddress(text, defaultPort: port, isEncrypted: isEncrypted) else {
                throw ValidationError("'\(text)' is not a server address. Use host, host:port, http://host:port, https://host:port or unix:PATH.")
            }
            return address
        }
    }

    /// The key to send: from the command line, else the first configured one.
    var key: String? { apiKey ?? Environment.process.list(.apiKey).first }

    /// Runs `body` with a client of the server. If the server is unreachable or refuses a request, prints the error and exits with its documented
    /// code.
    func withServer<Result>(_ body: (ServerClient) async throws -> Result) async throws -> Result {
        do {
            return try await ServerClient.with(try address, key: key, encryption: encryption, body)
        } catch let error as ClientError {
            Console.error(error.forPeople)
            throw error.exitStatus
        }
    }

    /// Runs `body` if a server answers, without waiting for one that does not. Returns nil if there is no server or a request fails.
    func ifThere<Result>(_ body: (ServerClient) async throws -> Result) async -> Result? {
        guard let address = try? address else { return nil }
        return try? await ServerClient.with(address, key: key, encryption: encryption) { client in
            guard await client.isThere() else { return nil }
            return try await body(client)
        }
    }

    /// Asks the server, if there is one, to rescan the disk after a command changed files.
    func tellOfChange() async { _ = await ifThere { try await $0.post("/v1/models/rescan", [:]) } }
}

extension ClientError {
    /// The error for a user of the command line. The server's messages about keys name HTTP headers.
    var forPeople: String {
        guard case .refused(401, _, "invalid_api_key"?) = self else { return description }
        return "the server requires one of its API keys; pass it with --api-key or in \(Setting.apiKey.variable)"
    }

    var exitStatus: ExitCode {
        switch self {
        case .unreachable, .closed: ExitStatus.noServer
        case .refused(_, _, "model_not_found"?): ExitStatus.modelNotFound
        case .refused(_, _, "model_not_usable"?), .refused(_, _, "model_load_failed"?): ExitStatus.modelUnusable
        case .refused, .unreadable, .certificate: ExitStatus.failure
        }
    }
}
