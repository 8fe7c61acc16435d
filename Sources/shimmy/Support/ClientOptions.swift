import ArgumentParser
import ShimmyClient
import ShimmyConfiguration
import ShimmyJSON

/// The options of every command that talks to a running server.
struct ClientOptions: ParsableArguments {
    @Option(help: .setting(.host, as: "Server address: host, host:port or a URL. Default: the configured address, else 127.0.0.1:11435."))
    var host: String?

    @Option(help: .setting(.apiKey, as: "API key of the server. Default: the first configured key."))
    var apiKey: String?

    /// Whether the command line names a server, so that the command must use that server and nothing else.
    var namesServer: Bool { host != nil }

    func validate() throws { _ = try address }

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
            let text = own ?? "127.0.0.1"
            let port = environment.integer(.port) ?? ServerAddress.defaultPort
            guard let address = ServerAddress(text, defaultPort: port) else {
                throw ValidationError("'\(text)' is not a server address. Use host, host:port or http://host:port.")
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
            return try await ServerClient.with(try address, key: key, body)
        } catch let error as ClientError {
            Console.error(error.description)
            throw error.exitStatus
        }
    }

    /// Runs `body` if a server answers, without waiting for one that does not. Returns nil if there is no server or a request fails.
    func ifThere<Result>(_ body: (ServerClient) async throws -> Result) async -> Result? {
        guard let address = try? address else { return nil }
        return try? await ServerClient.with(address, key: key) { client in
            guard await client.isThere() else { return nil }
            return try await body(client)
        }
    }

    /// Asks the server, if there is one, to rescan the disk after a command changed files.
    func tellOfChange() async { _ = await ifThere { try await $0.post("/v1/models/rescan", [:]) } }
}

extension ClientError {
    var exitStatus: ExitCode {
        switch self {
        case .unreachable: ExitStatus.noServer
        case .refused(_, _, "model_not_found"?): ExitStatus.modelNotFound
        case .refused(_, _, "model_not_usable"?), .refused(_, _, "model_load_failed"?): ExitStatus.modelUnusable
        case .refused, .unreadable: ExitStatus.failure
        }
    }
}
