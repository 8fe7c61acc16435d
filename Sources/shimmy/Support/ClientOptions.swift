import ArgumentParser
import ShimmyClient
import ShimmyJSON

/// Options of every command that talks to a running server.
struct ClientOptions: ParsableArguments {
    @Option(help: "The server: a host, host:port or an address. Default: the configuration's, else 127.0.0.1:11435. [SHIMMY_HOST]")
    var host: String?

    @Option(help: "The server's API key. Default: the configuration's first one. [SHIMMY_API_KEY]")
    var apiKey: String?

    /// Whether a server was named on the command line, so that nothing else can be meant.
    var namesServer: Bool { host != nil }

    func validate() throws { _ = try address }

    /// Throws `ValidationError` for what is no address.
    var address: ServerAddress {
        get throws {
            let environment = Environment.process
            let text = host ?? environment.string("SHIMMY_HOST") ?? environment.string("SHIMMY_BIND_ADDRESS") ?? "127.0.0.1"
            let port = environment.integer("SHIMMY_PORT") ?? ServerAddress.defaultPort
            guard let address = ServerAddress(text, defaultPort: port) else {
                throw ValidationError("'\(text)' is not a server address. Use host, host:port or http://host:port.")
            }
            return address
        }
    }

    private var key: String? { apiKey ?? Environment.process.list("SHIMMY_API_KEY").first }

    /// Runs `body` with a server. What the server refuses, or that there is none, ends the program with its documented code.
    func withServer<Result>(_ body: (ServerClient) async throws -> Result) async throws -> Result {
        do {
            return try await ServerClient.with(try address, key: key, body)
        } catch let error as ClientError {
            Console.error(error.description)
            throw error.exitStatus
        }
    }

    /// Asks a server that may not be there, without making anybody wait; nil when nothing comes.
    func ifThere<Result>(_ body: (ServerClient) async throws -> Result) async -> Result? {
        guard let address = try? address else { return nil }
        return try? await ServerClient.with(address, key: key) { client in
            guard await client.isThere() else { return nil }
            return try await body(client)
        }
    }

    /// Has a server look at the disk again, if there is one: something was changed there.
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
