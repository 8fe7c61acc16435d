import ArgumentParser
import ShimmyClient
import ShimmyConfiguration
import ShimmyJSON
import ShimmyModels

/// The options that choose the server and the model for a client.
struct ConnectOptions: ParsableArguments {
    @OptionGroup var client: ClientOptions

    @Option(
        help: .setting(.model, as: "Model for the client. Default: the configured model, else the only one, else the only loaded one."),
        completion: ModelNames.completion)
    var model: String?

    @OptionGroup(visibility: .hidden) var options: CatalogOptions

    /// Returns the server, the model and the key. Exits with the documented codes if they cannot be determined.
    func target() async throws -> ConnectTarget {
        let address = try client.address
        let found = try await client.withServer { server -> FoundModel? in
            guard await server.isThere(within: isLocal(address) ? 0.5 : 5) else { return nil }
            return try await ask(server)
        }
        if let found { return target(found, at: address) }
        guard isLocal(address) || model != nil else {
            let error = ClientError.unreachable("\(address)", reason: "no response")
            Console.error("\(error.description); without it, name a model with --model")
            throw error.exitStatus
        }
        let local = isLocal(address) ? try localModel() : FoundModel(name: model ?? "")
        Console.log(
            "# No server answers at \(address); "
                + (isLocal(address) ? "the model is one of this machine. 'shimmy serve' starts the server." : "the model was not checked."))
        return target(local, at: address)
    }

    private func target(_ found: FoundModel, at address: ServerAddress) -> ConnectTarget {
        ConnectTarget(
            address: address, model: found.name, contextLength: found.contextLength, trainedContextLength: found.trainedContextLength, key: key)
    }

    /// Returns a target whose key may be printed: one from the command line, but none from the environment or from a file.
    func shown(_ target: ConnectTarget) -> ConnectTarget {
        var shown = target
        if target.key.isNeeded, client.apiKey == nil { shown.key = .hidden }
        return shown
    }

    private struct FoundModel {
        let name: String
        var contextLength: Int?
        var trainedContextLength: Int?
    }

    private func isLocal(_ address: ServerAddress) -> Bool { ["127.0.0.1", "::1", "localhost"].contains(address.host) }

    private var key: ConnectKey {
        if let key = client.key { return .known(key) }
        // The keys of a file are not read: they may belong to several people.
        return !client.namesServer && Environment.process.given(.apiKeyFile) != nil ? .hidden : .unneeded
    }

    // MARK: The server's models

    private func ask(_ server: ServerClient) async throws -> FoundModel {
        do {
            // The configured model is one of this machine's server.
            if let name = model ?? (client.namesServer ? nil : Environment.process.given(.model).map(Banner.modelName)) {
                return try await describe(name, at: server)
            }
            return try await choose(try await server.get("/v1/models"), at: server)
        } catch ClientError.refused(401, let message, _) {
            Console.error("the server at \(server.address) requires an API key; pass --api-key or set \(Setting.apiKey.variable) (\(message))")
            throw ExitStatus.failure
        }
    }

    private func describe(_ name: String, at server: ServerClient) async throws -> FoundModel {
        do {
            let description = try await server.get("/v1/models/\(ServerClient.encoded(name))")
            guard Self.isChatModel(description) else { throw Self.refuse(name, description["shimmy"]?["problem"]?.stringValue) }
            return await found(name, description, at: server)
        } catch ClientError.refused(404, let message, let code) {
            throw await ClientError.unknown(name, message: message, code: code, at: server)
        }
    }

    /// Returns a model with the context lengths that the server reports.
    private func found(_ name: String, _ description: JSON, at server: ServerClient) async -> FoundModel {
        guard let context = description["shimmy"]?["context_length"]?.intValue else { return FoundModel(name: name) }
        // Another server, or an older one, may not have this route.
        let facts = try? await server.get("/api/v0/models/\(ServerClient.encoded(name))")
        let trained = facts?["max_context_length"]?.intValue.flatMap { $0 > 0 ? $0 : nil }
        return FoundModel(name: name, contextLength: context, trainedContextLength: trained)
    }

    private func choose(_ list: JSON, at server: ServerClient) async throws -> FoundModel {
        let models = (list["data"]?.arrayValue ?? []).filter(Self.isChatModel)
        let loaded = models.filter { $0["shimmy"]?["loaded"]?.boolValue ?? false }
        guard let model = models.count == 1 ? models[0] : loaded.count == 1 ? loaded[0] : nil, let name = model["id"]?.stringValue else {
            let names = models.compactMap { $0["id"]?.stringValue }.joined(separator: ", ")
            Console.error(models.isEmpty ? "the server has no chat models" : "there are several models: choose one with --model (\(names))")
            throw ExitStatus.modelNotFound
        }
        return await found(name, model, at: server)
    }

    /// Returns whether a model object of the server describes a usable chat model. Another server's objects do not say.
    private static func isChatModel(_ description: JSON) -> Bool {
        guard let facts = description["shimmy"] else { return true }
        return facts["problem"]?.stringValue == nil && facts["capabilities"]?.arrayValue?.contains("chat") ?? true
    }

    /// Prints why a model cannot be used, and returns the exit code.
    private static func refuse(_ name: String, _ problem: String?) -> ExitCode {
        Console.error("the model \(name) cannot be used: \(problem ?? "it is not a chat model")")
        return ExitStatus.modelUnusable
    }

    // MARK: This machine's models

    private func localModel() throws -> FoundModel {
        let record = try options.resolve(try options.modelName(model))
        guard record.isUsable else { throw Self.refuse(record.id, record.problem) }
        return FoundModel(
            name: record.id, contextLength: try options.plannedContextLength(record), trainedContextLength: record.contextLength)
    }
}
