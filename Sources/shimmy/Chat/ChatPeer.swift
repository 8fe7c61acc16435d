import ShimmyClient
import ShimmyJSON

/// The peer of a conversation: a running server, or a model in this process. Its methods throw `ClientError`.
protocol ChatPeer: Sendable {
    /// Loads the model, so that its problems are known before the first question.
    /// - news: receives progress texts for the user.
    func load(_ model: String, _ news: (String) -> Void) async throws

    /// Sends a request and passes the events of the answer to `receive`.
    /// - request: a streamed chat completion in OpenAI's format.
    func answer(_ request: JSON, _ receive: @Sendable (ChatEvent) -> Void) async throws

    /// Returns facts about the model for display, as rows of a name and a value.
    func facts(_ model: String) async throws -> [[String]]

    /// Returns the sampling parameters that the model's makers recommend, as request fields. They apply if the user sets no others.
    func sampling(_ model: String) async -> JSONObject

    /// Returns whether the model reads images in messages.
    func readsImages(_ model: String) async throws -> Bool

    /// Returns the model's chat template.
    func template(_ model: String) async throws -> String
}

/// A peer that is a running server.
struct ServerPeer: ChatPeer {
    let client: ServerClient

    func load(_ model: String, _ news: (String) -> Void) async throws {
        try await client.stream("/v1/models/load", ["model": .string(model), "stream": true], comment: news) { _ in }
    }

    func answer(_ request: JSON, _ receive: @Sendable (ChatEvent) -> Void) async throws {
        try await client.stream("/v1/chat/completions", request, comment: { receive(.waiting($0)) }) { chunk in
            for event in ChatEvent.events(of: chunk) { receive(event) }
        }
    }

    func facts(_ model: String) async throws -> [[String]] {
        let description = try await client.get("/v1/models/\(ServerClient.encoded(model))")
        return ModelFacts.rows(description) + [["server", "\(client.address)"]]
    }

    func sampling(_ model: String) async -> JSONObject {
        let description = try? await client.get("/v1/models/\(ServerClient.encoded(model))")
        return description?["shimmy"]?["sampling"]?.objectValue ?? [:]
    }

    func readsImages(_ model: String) async throws -> Bool {
        let description = try await client.get("/v1/models/\(ServerClient.encoded(model))")
        return description["shimmy"]?["capabilities"]?.arrayValue?.contains("vision") ?? false
    }

    func template(_ model: String) async throws -> String {
        let info = try await client.get("/v1/tokenizer_info?model=\(ServerClient.encoded(model))")
        return info["chat_template"]?.stringValue ?? ""
    }
}

/// The facts about a model that are displayed to users.
enum ModelFacts {
    /// Returns the rows for a server's model.
    /// - description: the response of `GET /v1/models/{model}`.
    static func rows(_ description: JSON) -> [[String]] {
        let facts = description["shimmy"]
        return rows(
            id: description["id"]?.stringValue, family: facts?["architecture"]?.stringValue, parameters: facts?["parameters"]?.intValue,
            quantization: facts?["quantization"]?.stringValue, size: facts?["size_bytes"]?.intValue, context: facts?["context_length"]?.intValue,
            source: facts?["source"]?.stringValue)
    }

    /// Returns rows of a name and a value. Unknown facts are left out.
    static func rows(
        id: String?, family: String?, parameters: Int?, quantization: String?, size: Int?, context: Int?, source: String?
    ) -> [[String]] {
        let facts: [(String, String?)] = [
            ("model", id), ("family", family), ("parameters", parameters.map(Console.count)), ("quantization", quantization),
            ("size", size.map(Console.size)), ("context", context.map { "\($0) tokens" }), ("source", source),
        ]
        return facts.compactMap { name, fact in fact.map { [name, $0] } }
    }
}
