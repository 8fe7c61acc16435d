import ShimmyCore
import ShimmyJSON

/// A reader of the settings that Ollama stores beside a model's weights: parameters, the system prompt and messages.
enum OllamaHints {
    private static let largestLayer = 1 << 20

    /// - layers: the layers of the manifest.
    /// - file: returns the path of a layer by its digest; nil for an invalid digest.
    static func read(_ layers: [JSON], file: (String) -> String?) -> ModelHints {
        var hints = ModelHints()
        for layer in layers {
            guard let type = layer["mediaType"]?.stringValue, let path = layer["digest"]?.stringValue.flatMap(file) else { continue }
            switch type {
            case "application/vnd.ollama.image.params": hints.add(ollamaParameters: json(path)?.objectValue ?? [:])
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

    private static func messages(_ json: JSON?) -> [ModelHints.Message] {
        (json?.arrayValue ?? []).compactMap(ModelHints.Message.init)
    }
}
