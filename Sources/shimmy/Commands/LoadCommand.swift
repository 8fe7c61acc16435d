import ArgumentParser
import ShimmyClient
import ShimmyCore
import ShimmyJSON

struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "load", abstract: "Load a model on a running server.")

    @OptionGroup var client: ClientOptions

    @OptionGroup var configuration: ConfigurationOptions

    @Option(help: "How long the idle model stays loaded, such as 90s, 5m or 2h. Default: the server's setting.")
    var keepAlive: String?

    @Flag(inversion: .prefixedNo, help: "Keep the model in memory until it is stopped, or end this.")
    var pin: Bool?

    @Flag(help: "Print JSON: the server's description of the model.")
    var json = false

    @Argument(help: "Model name.", completion: ModelNames.completion)
    var model: String

    func validate() throws {
        if let keepAlive { _ = try KeepAlive.parse(keepAlive) }
    }

    func run() async throws {
        var request: JSONObject = ["model": .string(model), "stream": true]
        if let keepAlive { request["keep_alive"] = .string(keepAlive) }
        let body = JSON.object(request)
        let status = StatusLine()
        let description = try await client.withServer { server in
            defer { status.clear() }
            var description: JSON?
            do {
                try await server.stream("/v1/models/load", body, comment: status.show) { description = $0 }
            } catch ClientError.refused(404, let message, let code) {
                throw await ClientError.unknown(model, message: message, code: code, at: server)
            }
            guard let description else { throw ClientError.unreadable("it ended too early") }
            if let pin { _ = try await server.post(pin ? "/v1/models/pin" : "/v1/models/unpin", ["model": .string(model)]) }
            return description
        }
        let state = pin.map { $0 ? "loaded and pinned" : "loaded and not pinned" } ?? "loaded"
        Console.print(json ? description.pretty() : "\(description["id"]?.stringValue ?? model) is \(state).")
    }
}

extension ClientError {
    /// Returns the error for an unknown model, with the closest names of the server's models.
    static func unknown(_ model: String, message: String, code: String?, at server: ServerClient) async -> ClientError {
        let list = (try? await server.get("/v1/models"))?["data"]?.arrayValue ?? []
        let close = NameSuggestions.text(for: model, among: list.compactMap { $0["id"]?.stringValue })
        return .refused(status: 404, message: message + close, code: code)
    }
}
