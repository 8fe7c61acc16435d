import Foundation
import Logging
import NIOCore
import ShimmyClient
import ShimmyJSON
import ShimmyServer

/// The second port of a server, for clients with Ollama's default address.
enum OllamaPort {
    /// The variable with the address of a server in Ollama's own commands.
    static let variable = "OLLAMA_HOST"

    /// Logs that the server runs without the port, and the program that uses it.
    static func logFailure(_ configuration: ServerConfiguration, _ error: any Error, _ logger: Logger) async {
        guard let port = configuration.ollamaPort else { return }
        var reason = "\(error)"
        if (error as? IOError)?.errnoCode == EADDRINUSE {
            let holder = await holder(of: port, configuration.host)
            reason = "used by \(holder ?? "another program")"
        }
        logger.warning("cannot listen on Ollama's port; the server runs without it", metadata: ["port": "\(port)", "reason": "\(reason)"])
    }

    /// Returns the program that listens on the port; nil if it is unknown.
    private static func holder(of port: Int, _ host: String) async -> String? {
        guard let address = ServerAddress(host.contains(":") ? "[\(host)]" : host, defaultPort: port) else { return nil }
        let answer = try? await ServerClient.with(address, key: nil) { try await $0.get("/api/version", within: 2) }
        if answer?["shimmy"] != nil { return "another Shimmy" }
        if let version = answer?["version"]?.stringValue { return "Ollama \(version)" }
        return PortHolder.describe(port: port)
    }
}
