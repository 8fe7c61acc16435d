import ShimmyChat
import ShimmyCore
import ShimmyJSON

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension UpstreamEndpoint {
    /// Asks for the models that the upstream offers, with their properties.
    package func models() async throws -> [UpstreamModel] {
        if kind == .ollama { return try await ollamaModels() }
        let path = kind == .anthropic ? "/v1/models?limit=1000" : "/v1/models"
        let json = try await json(path)
        guard let data = json["data"]?.arrayValue ?? json.arrayValue else { throw failure(.unreadable, "its list of models has no data") }
        var seen: Set<String> = []
        var models: [UpstreamModel] = []
        for element in data.prefix(UpstreamLimits.models) {
            guard let id = element["id"]?.stringValue, Self.isName(id), !Self.isFurtherName(id, element), seen.insert(id).inserted else { continue }
            models.append(model(id, element))
        }
        if kind == .llamaServer, models.count == 1 { try await describe(&models[0]) }
        return models
    }

    /// Throws if the upstream cannot serve requests. The message names the path of the health check.
    package func check() async throws {
        if let obstacle = settings.obstacle(kind) { throw failure(.unsupported(field: "dialect"), obstacle) }
        let path = settings.healthPath ?? defaultHealthPath
        do {
            _ = try await bytes(path, within: settings.checkSeconds)
        } catch let error as UpstreamFailure {
            let message =
                switch error.reason {
                case .refused(let status, _, _), .failed(let status): "status \(status)"
                default: error.message
                }
            throw failure(error.reason, "health check \(path.shortened(to: 200)): \(message)")
        }
    }

    private var defaultHealthPath: String {
        switch kind {
        case .vllm, .sglang, .llamaServer, .shimmy: "/health"
        case .ollama: "/api/version"
        case .openai: "/v1/models"
        case .anthropic: "/v1/models?limit=1"
        }
    }

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= UpstreamLimits.nameBytes && name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    }

    /// Returns whether an id begins with the name of one of the upstreams that a Shimmy has itself. The model also has an id without the name. With
    /// these ids, two Shimmys that are upstreams of each other would make longer ids from each other's list each time.
    private static func isFurtherName(_ id: String, _ json: JSON) -> Bool {
        (json["shimmy"]?["upstreams"]?.arrayValue ?? []).contains { upstream in upstream.stringValue.map { id.hasPrefix($0 + "/") } ?? false }
    }

    private func model(_ id: String, _ json: JSON) -> UpstreamModel {
        var model = UpstreamModel(id: id)
        model.tokenizes = tokenizes
        model.created = Self.time(json["created"] ?? json["created_at"])
        let own = json["shimmy"]
        let length = [
            json["max_model_len"], own?["context_length"], json["context_length"], json["context_window"], json["max_context_length"],
            json["max_input_tokens"], json["meta"]?["n_ctx"],
        ]
        model.contextLength = length.compactMap { Self.length($0) }.first
        let capabilities = (own?["capabilities"] ?? json["capabilities"])?.arrayValue?.compactMap(\.stringValue)
        if let capabilities, kind == .shimmy {
            let roles = capabilities.compactMap(ModelRole.init(rawValue:))
            if !roles.isEmpty { model.roles = roles }
            // About a model of its own upstreams, a Shimmy knows only the properties that they report.
            let isCertain = model.roles.contains(.chat) && own?["upstreams"]?.arrayValue?.isEmpty ?? true
            model.takesImages = capabilities.contains("vision") ? true : isCertain ? false : nil
            model.takesAudio = capabilities.contains("audio") ? true : isCertain ? false : nil
        }
        // OpenAI's list has only the names of models.
        if kind == .openai, id.lowercased().contains("embed") { model.roles = [.embeddings] }
        if kind == .anthropic { (model.takesTools, model.takesImages, model.takesAudio) = (true, true, false) }
        return model
    }

    private static func length(_ json: JSON?) -> Int? { json?.intValue.flatMap { (1...1 << 30).contains($0) ? $0 : nil } }

    /// Returns the Unix time of a number of seconds or of a date; nil for another value.
    private static func time(_ json: JSON?) -> Int? {
        let date = json?.stringValue.flatMap { try? Date(String($0.prefix(64)), strategy: .iso8601) }
        let seconds = json?.intValue ?? date.flatMap { Int(exactly: $0.timeIntervalSince1970.rounded(.down)) }
        return seconds.flatMap { (1...latestTime).contains($0) ? $0 : nil }
    }

    /// The end of the year 9999.
    private static let latestTime = 253_402_300_799

    /// Adds the facts of llama-server's only model.
    private func describe(_ model: inout UpstreamModel) async throws {
        guard let json = try await optional({ () async throws -> JSON in try await self.json("/props") }) else { return }
        model.contextLength = Self.length(json["default_generation_settings"]?["n_ctx"]) ?? model.contextLength
        if let images = json["modalities"]?["vision"]?.boolValue { model.takesImages = images }
        if let audio = json["modalities"]?["audio"]?.boolValue { model.takesAudio = audio }
        if let tools = json["chat_template_caps"]?["supports_tools"]?.boolValue { model.takesTools = tools }
        // A template without any of these words shows no setting of the reasoning.
        if let template = json["chat_template"]?.stringValue, !template.isEmpty {
            let words = ["think", "reason"]
            if !words.contains(where: { ByteSearch($0).isFound(in: template) }) { model.reasons = false }
        }
    }

    // MARK: Ollama

    private func ollamaModels() async throws -> [UpstreamModel] {
        let json = try await json("/api/tags")
        guard let data = json["models"]?.arrayValue else { throw failure(.unreadable, "its list of models has no models") }
        var models: [UpstreamModel] = []
        for element in data.prefix(UpstreamLimits.models) {
            guard let id = (element["model"] ?? element["name"])?.stringValue, Self.isName(id) else { continue }
            var model = UpstreamModel(id: id)
            if models.count < UpstreamLimits.describedModels { try await describeOllamas(&model) }
            models.append(model)
        }
        return models
    }

    private func describeOllamas(_ model: inout UpstreamModel) async throws {
        let body: JSON = ["model": .string(model.id)]
        guard let json = try await optional({ () async throws -> JSON in try await self.json("/api/show", body) }) else { return }
        let length = json["model_info"]?.objectValue?.first { $0.key.hasSuffix(".context_length") }
        model.contextLength = Self.length(length?.value)
        guard let capabilities = json["capabilities"]?.arrayValue?.compactMap(\.stringValue), !capabilities.isEmpty else { return }
        if capabilities.contains("embedding") { model.roles = [.embeddings] }
        model.takesTools = capabilities.contains("tools")
        model.reasons = capabilities.contains("thinking")
        model.takesImages = capabilities.contains("vision")
        model.takesAudio = capabilities.contains("audio")
    }

    /// Sends a request whose answer is optional. Returns nil if the upstream refuses it.
    private func optional(_ ask: () async throws -> JSON) async throws -> JSON? {
        do {
            return try await ask()
        } catch let error as UpstreamFailure {
            switch error.reason {
            case .refused, .failed, .unreadable, .unauthorized: return nil
            default: throw error
            }
        }
    }
}
