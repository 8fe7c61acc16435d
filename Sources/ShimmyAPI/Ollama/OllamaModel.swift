package import ShimmyJSON

/// A model as Ollama's API lists it.
package struct OllamaModel: Sendable {
    /// The model's name or one of its aliases.
    package var name: String
    /// 64 hexadecimal digits.
    package var digest: String
    package var sizeBytes: Int
    /// The time of the last change, in Unix seconds.
    package var modified: Int
    /// The name of the model on which this one is based; nil for a model with weights of its own.
    package var base: String?
    /// Whether the model is one GGUF file and not a folder of SafeTensors.
    package var isGGUF = true
    package var architecture: String?
    package var parameters: Int?
    package var quantization: String?
    /// The context length that the model was trained with, in tokens; nil if unknown.
    package var contextLength: Int?
    package var embeddingLength: Int?

    package init(name: String, digest: String, sizeBytes: Int, modified: Int) {
        self.name = name
        self.digest = digest
        self.sizeBytes = sizeBytes
        self.modified = modified
    }

    private var named: JSONObject { ["name": .string(OllamaName.tagged(name)), "model": .string(OllamaName.tagged(name))] }

    /// The model's entry in the response of `GET /api/tags`.
    package var entry: JSON {
        var object = named
        object["modified_at"] = .string(OllamaTime.text(Double(modified)))
        object["size"] = .int(sizeBytes)
        object["digest"] = .string(digest)
        object["details"] = details
        return .object(object)
    }

    /// Returns the model's entry in the response of `GET /api/ps`.
    /// - memory: the bytes of memory that the model takes, and those of them on a GPU.
    /// - context: the context length of the loaded model, in tokens.
    /// - expiry: the time at which the model is freed, in Unix seconds.
    package func running(memory: (total: Int, onGPU: Int), context: Int, expiry: Double) -> JSON {
        var object = named
        object["size"] = .int(memory.total)
        object["digest"] = .string(digest)
        object["details"] = details
        object["expires_at"] = .string(OllamaTime.text(expiry))
        object["size_vram"] = .int(memory.onGPU)
        object["context_length"] = .int(context)
        return .object(object)
    }

    var details: JSON {
        let family = architecture ?? "unknown"
        var details: JSONObject = [
            "parent_model": .string(base ?? ""), "format": .string(isGGUF ? "gguf" : "safetensors"), "family": .string(family),
            "families": .array([.string(family)]), "parameter_size": .string(Self.size(parameters ?? 0)),
            "quantization_level": .string(quantization ?? "unknown"),
        ]
        if let contextLength { details["context_length"] = .int(contextLength) }
        if let embeddingLength { details["embedding_length"] = .int(embeddingLength) }
        return .object(details)
    }

    /// Returns a number of parameters as Ollama writes it: `134.52M`, `7.2B`, `8B`.
    static func size(_ count: Int) -> String {
        /// Returns the number in units, rounded to a number of decimals. A whole number has none.
        func rounded(_ unit: Int, decimals: Int, _ letter: String) -> String {
            if count % unit == 0 { return "\(count / unit)\(letter)" }
            let scale = decimals == 1 ? 10 : 100
            let step = unit / scale
            let steps = count / step + (count % step >= step / 2 ? 1 : 0)
            let fraction = "\(scale + steps % scale)".dropFirst()
            return "\(steps / scale).\(fraction)\(letter)"
        }
        return switch count {
        case 1_000_000_000...: rounded(1_000_000_000, decimals: 1, "B")
        case 1_000_000...: rounded(1_000_000, decimals: 2, "M")
        case 1000...: "\((count + 500) / 1000)K"
        default: "\(count)"
        }
    }
}

/// Names of models with Ollama's tags.
package enum OllamaName {
    private static let usualTag = ":latest"

    /// Returns a name with a tag, because clients compare whole names. The tag of a name without one is `latest`.
    package static func tagged(_ name: String) -> String {
        // A colon before the last slash belongs to the port of a registry.
        let last = name.utf8.lastIndex(of: UInt8(ascii: "/")) ?? name.startIndex
        return name[last...].contains(":") ? name : name + usualTag
    }

    /// Returns a name without the tag `latest`.
    package static func untagged(_ name: String) -> String { name.hasSuffix(usualTag) ? String(name.dropLast(usualTag.count)) : name }
}
