package import ShimmyJSON

/// One model's entry in the list of models.
package struct ModelDescription: Sendable, Equatable {
    package var id: String
    /// The Unix time in seconds; it changes only if the file changes.
    package var created: Int
    package var source: String
    package var architecture: String?
    package var parameters: Int?
    package var quantization: String?
    /// The max number of tokens of prompt and answer together on this server; nil if unknown.
    package var contextLength: Int?
    package var capabilities: [String]
    package var sizeBytes: Int
    /// The bytes of memory that the model uses, or would use if it were loaded; nil if it cannot be loaded.
    package var memoryBytes: Int?
    package var loaded: Bool
    /// The reason why the model cannot be used; nil if it can.
    package var problem: String?
    /// Other names of the model.
    package var aliases: [String]
    /// The base of a user-defined model; nil for other models.
    package var base: String?
    /// The names of the upstream servers that have the model; nil for a model of this server.
    package var upstreams: [String]?
    /// The path of the model's file, for administrators; nil for others.
    package var path: String?
    /// The chat request fields that the model's makers recommend, without those that a preset sets.
    package var sampling = JSONObject()

    package init(
        id: String, created: Int, source: String, architecture: String?, parameters: Int?, quantization: String?, contextLength: Int?,
        capabilities: [String], sizeBytes: Int, loaded: Bool, problem: String?, aliases: [String] = [], base: String? = nil, memoryBytes: Int? = nil
    ) {
        self.id = id
        self.created = created
        self.source = source
        self.architecture = architecture
        self.parameters = parameters
        self.quantization = quantization
        self.contextLength = contextLength
        self.capabilities = capabilities
        self.sizeBytes = sizeBytes
        self.loaded = loaded
        self.problem = problem
        self.aliases = aliases
        self.base = base
        self.memoryBytes = memoryBytes
    }

    /// OpenAI's model object, with Shimmy's own fields in one member, `shimmy`.
    package var json: JSON {
        var own: JSONObject = [
            "context_length": contextLength.json, "capabilities": .array(capabilities.map(JSON.string)),
            "quantization": quantization.json, "size_bytes": .int(sizeBytes), "memory_bytes": memoryBytes.json,
            "loaded": .bool(loaded), "source": .string(source), "architecture": architecture.json, "parameters": parameters.json,
            "problem": problem.json, "aliases": .array(aliases.map(JSON.string)), "base": base.json, "sampling": .object(sampling),
        ]
        if let path { own["path"] = .string(path) }
        if let upstreams { own["upstreams"] = .array(upstreams.map(JSON.string)) }
        return ["id": .string(id), "object": "model", "created": .int(created), "owned_by": .string(source), "shimmy": .object(own)]
    }

    /// Returns the list of models.
    /// - forCodex: whether Codex asks, which reports an error for a list without `models`. These are complete settings of models, with instructions
    ///   that would replace Codex's own, so the array is empty: Codex then keeps its settings.
    package static func list(_ models: [ModelDescription], forCodex: Bool = false) -> JSON {
        var object: JSONObject = ["object": "list", "data": .array(models.map(\.json))]
        if forCodex { object["models"] = [] }
        return .object(object)
    }
}

extension String? {
    fileprivate var json: JSON { map(JSON.string) ?? .null }
}

extension Int? {
    fileprivate var json: JSON { map(JSON.int) ?? .null }
}
