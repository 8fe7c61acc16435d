import ShimmyCore
import ShimmyJSON

/// A reader of the settings that Ollama stores beside a model's weights: parameters, the system prompt and messages.
enum OllamaHints {
    private static let largestLayer = 1 << 20
    /// Ollama accepts any number of stop strings, a request at most four. The others are mostly EOG tokens, which end an answer anyway.
    private static let mostStops = 4

    /// - layers: the layers of the manifest.
    /// - file: returns the path of a layer by its digest; nil for an invalid digest.
    static func read(_ layers: [JSON], file: (String) -> String?) -> ModelHints {
        var hints = ModelHints()
        for layer in layers {
            guard let type = layer["mediaType"]?.stringValue, let path = layer["digest"]?.stringValue.flatMap(file) else { continue }
            switch type {
            case "application/vnd.ollama.image.params": parameters(json(path), &hints)
            case "application/vnd.ollama.image.system": hints.system = text(path) ?? ""
            case "application/vnd.ollama.image.messages": hints.messages = messages(json(path))
            case "application/vnd.ollama.image.template": hints.hasForeignTemplate = true
            default: continue
            }
        }
        return hints
    }

    private static func text(_ path: String) -> String? {
        RegularFile.text(path, limit: largestLayer)
    }

    private static func json(_ path: String) -> JSON? { text(path).flatMap { try? JSON.parse($0) } }

    /// Ollama's parameters that have the same name in a chat request. Parameters for threads, devices and memory only concern Ollama.
    private static let sameNames: Set<String> = [
        "temperature", "top_p", "top_k", "min_p", "typical_p", "repeat_penalty", "frequency_penalty", "presence_penalty", "seed", "mirostat",
        "mirostat_tau", "mirostat_eta",
    ]

    private static func parameters(_ json: JSON?, _ hints: inout ModelHints) {
        for (name, value) in json?.objectValue ?? [:] {
            switch name {
            case _ where sameNames.contains(name): hints.defaults[name] = value
            case "stop":
                let stops = value.stringValue.map { [JSON.string($0)] } ?? value.arrayValue ?? []
                if !stops.isEmpty { hints.defaults["stop"] = .array(Array(stops.prefix(mostStops))) }
            case "num_predict":
                // Zero and less mean unlimited, or as much as fits.
                if let limit = value.intValue, limit > 0 { hints.defaults["max_completion_tokens"] = .int(limit) }
            case "repeat_last_n":
                // -1 means the whole context.
                if let count = value.intValue { hints.defaults[name] = .int(count < 0 ? 65536 : count) }
            case "num_ctx": hints.contextLength = value.intValue.flatMap { $0 >= 16 ? $0 : nil }
            default: continue
            }
        }
    }

    private static func messages(_ json: JSON?) -> [ModelHints.Message] {
        (json?.arrayValue ?? []).compactMap { message in
            guard let role = message["role"]?.stringValue, let content = message["content"]?.stringValue else { return nil }
            return ModelHints.Message(role: role, content: content)
        }
    }
}
