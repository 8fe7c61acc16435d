import ShimmyClient
import ShimmyJSON

/// Who a conversation is held with: a running server, or a model in this process. Errors are `ClientError`.
protocol ChatPeer: Sendable {
    /// Loads the model, so that what is wrong with it is known before the first question.
    /// - news: gets how far it is, for people.
    func load(_ model: String, _ news: (String) -> Void) async throws

    /// - request: a chat completion to be streamed, in OpenAI's dialect.
    func answer(_ request: JSON, _ receive: @Sendable (ChatEvent) -> Void) async throws

    /// What the model is, for people: names of facts and the facts.
    func facts(_ model: String) async throws -> [[String]]

    /// What the model's makers recommend, as fields of a request: for a person who says nothing else.
    func sampling(_ model: String) async -> JSONObject

    /// The chat template.
    func template(_ model: String) async throws -> String
}

/// A running server.
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

    func template(_ model: String) async throws -> String {
        let info = try await client.get("/v1/tokenizer_info?model=\(ServerClient.encoded(model))")
        return info["chat_template"]?.stringValue ?? ""
    }
}

/// What people are told of a model.
enum ModelFacts {
    /// - description: of `GET /v1/models/{model}`.
    static func rows(_ description: JSON) -> [[String]] {
        let facts = description["shimmy"]
        return rows(
            id: description["id"]?.stringValue, family: facts?["architecture"]?.stringValue, parameters: facts?["parameters"]?.intValue,
            quantization: facts?["quantization"]?.stringValue, size: facts?["size_bytes"]?.intValue, context: facts?["context_length"]?.intValue,
            source: facts?["source"]?.stringValue)
    }

    /// What is not known is left out.
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
