package import ShimmyJSON

/// What a list of models says of one.
package struct ModelDescription: Sendable, Equatable {
    package var id: String
    /// Unix seconds; stable as long as the file is.
    package var created: Int
    package var source: String
    package var architecture: String?
    package var parameters: Int?
    package var quantization: String?
    /// The most tokens of prompt and answer that this server gives it.
    package var contextLength: Int?
    package var capabilities: [String]
    package var sizeBytes: Int
    /// What it takes or would take in memory; nil for what cannot be loaded.
    package var memoryBytes: Int?
    package var loaded: Bool
    /// Why it cannot be used; nil for a good one.
    package var problem: String?
    /// Other names that lead to it.
    package var aliases: [String]
    /// The model that it stands on, for one of the user's own making.
    package var base: String?
    /// Fields of a chat request that its makers recommend, where nothing else is preset.
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

    /// OpenAI's object and one block of Shimmy's own, `shimmy`.
    package var json: JSON {
        [
            "id": .string(id), "object": "model", "created": .int(created), "owned_by": .string(source),
            "shimmy": [
                "context_length": contextLength.json, "capabilities": .array(capabilities.map(JSON.string)),
                "quantization": quantization.json, "size_bytes": .int(sizeBytes), "memory_bytes": memoryBytes.json,
                "loaded": .bool(loaded), "source": .string(source), "architecture": architecture.json, "parameters": parameters.json,
                "problem": problem.json, "aliases": .array(aliases.map(JSON.string)), "base": base.json, "sampling": .object(sampling),
            ],
        ]
    }

    package static func list(_ models: [ModelDescription]) -> JSON { ["object": "list", "data": .array(models.map(\.json))] }
}

extension String? {
    fileprivate var json: JSON { map(JSON.string) ?? .null }
}

extension Int? {
    fileprivate var json: JSON { map(JSON.int) ?? .null }
}
