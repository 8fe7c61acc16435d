package import ShimmyChat
package import ShimmyJSON

/// A model as LM Studio's API lists it.
package struct LMStudioModel: Sendable {
    package var id: String
    /// The model's publisher, as far as it is known: the owner of its repository, or the program that it was found in.
    package var publisher: String
    package var role: ModelRole
    /// Whether the model is one GGUF file and not a folder of SafeTensors.
    package var isGGUF = true
    package var architecture: String?
    package var quantization: String?
    package var parameters: Int?
    package var sizeBytes: Int
    /// The context length that the model was trained with, in tokens; nil if unknown.
    package var contextLength: Int?
    /// The context length of the loaded model; nil if it is not loaded.
    package var loadedContextLength: Int?
    /// Whether the model is known to read images.
    package var readsImages = false

    /// - source: the program that the model was found in.
    package init(id: String, source: String, role: ModelRole, sizeBytes: Int) {
        self.id = id
        let parts = id.split(separator: "/")
        publisher = parts.count > 1 ? String(parts[parts.count - 2]) : source
        self.role = role
        self.sizeBytes = sizeBytes
    }

    private var format: JSON { isGGUF ? "gguf" : "safetensors" }

    /// The model's object in the API's version 0.
    package var older: JSON {
        var object: JSONObject = [
            "id": .string(id), "object": "model", "type": role == .embeddings ? "embeddings" : "llm", "publisher": .string(publisher),
            "arch": .string(architecture ?? "unknown"), "compatibility_type": format, "quantization": .string(quantization ?? "unknown"),
            "state": loadedContextLength == nil ? "not-loaded" : "loaded", "max_context_length": .int(contextLength ?? 0),
        ]
        if let loadedContextLength { object["loaded_context_length"] = .int(loadedContextLength) }
        let capabilities: JSON = role == .chat ? ["tool_use"] : []
        object["capabilities"] = capabilities
        return .object(object)
    }

    /// The model's object in the API's version 1.
    package var json: JSON {
        var instances: [JSON] = []
        if let loadedContextLength { instances = [["id": .string(id), "config": ["context_length": .int(loadedContextLength)]]] }
        let size = parameters.map { JSON.string(OllamaModel.size($0)) } ?? .null
        let name = quantization.map(JSON.string) ?? .null
        var object: JSONObject = [
            "type": .string(type), "publisher": .string(publisher), "key": .string(id), "display_name": .string(id),
            "architecture": architecture.map(JSON.string) ?? .null, "quantization": ["name": name, "bits_per_weight": bitsPerWeight],
            "size_bytes": .int(sizeBytes), "params_string": size, "loaded_instances": .array(instances),
            "max_context_length": .int(contextLength ?? 0), "format": format,
        ]
        if role == .chat {
            object["capabilities"] = ["vision": .bool(readsImages), "trained_for_tool_use": true]
            object["description"] = .null
        }
        return .object(object)
    }

    private var type: String { role == .embeddings ? "embedding" : "llm" }

    private var bitsPerWeight: JSON {
        guard let parameters, parameters > 0 else { return .null }
        return .double((Double(sizeBytes) * 80 / Double(parameters)).rounded() / 10)
    }

    /// Returns the response to a load.
    /// - seconds: the time that the load took.
    package func loaded(within seconds: Double, tellsSettings: Bool) -> JSON {
        var object: JSONObject = [
            "type": .string(type), "instance_id": .string(id), "load_time_seconds": .double(seconds), "status": "loaded",
        ]
        if tellsSettings { object["load_config"] = ["context_length": .int(loadedContextLength ?? contextLength ?? 0)] }
        return .object(object)
    }
}
