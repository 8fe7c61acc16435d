package import ShimmyChat
import ShimmyCore
package import ShimmyJSON

/// A model as `POST /api/show` describes it.
package struct OllamaModelDescription: Sendable {
    package var model: OllamaModel
    package var roles: [ModelRole]
    /// The metadata of the model's file, without the chat template.
    package var metadata = JSONObject()
    /// The chat template in Jinja; empty for a model without one.
    package var template = ""
    /// Whether the model can fill in the middle of a text.
    package var infills = false
    /// Whether the model can reason before it answers.
    package var thinks = false
    /// What the model reads besides text: `vision`, `audio`.
    package var media: [String] = []
    /// The context length that the model has on this server, in tokens; nil if unknown.
    package var contextLength: Int?
    package var system = ""
    /// Messages that precede a conversation's own messages.
    package var messages: [ChatMessage] = []
    /// The fields of a chat request for requests that do not set them.
    package var fields = JSONObject()
    package var license: String?

    package init(_ model: OllamaModel, roles: [ModelRole]) {
        self.model = model
        self.roles = roles
    }

    package var json: JSON {
        let license = license ?? metadata["general.license"]?.stringValue ?? ""
        let lines = parameters.map { "\(Self.padded($0.name, to: 30)) \($0.value.text)" }
        var object: JSONObject = [
            "license": .string(license), "modelfile": .string(modelfile), "parameters": .string(lines.joined(separator: "\n")),
            "template": .string(shownTemplate), "details": model.details, "model_info": .object(modelInfo),
            "capabilities": .array(capabilities.map(JSON.string)), "modified_at": .string(OllamaTime.text(Double(model.modified))),
        ]
        if !system.isEmpty { object["system"] = .string(system) }
        if !messages.isEmpty {
            object["messages"] = .array(messages.map { ["role": .string($0.role.rawValue), "content": .string($0.text)] })
        }
        return .object(object)
    }

    /// The server enforces calls of tools for every model that chats, with or without a template for them.
    private var capabilities: [String] {
        var words: [String] = []
        if roles.contains(.chat) {
            words = ["completion", "tools"]
            if infills { words.append("insert") }
            if thinks { words.append("thinking") }
            words += media
        }
        if roles.contains(.embeddings) { words.append("embedding") }
        return words
    }

    /// The template with a comment that contains `.Suffix`. Editors recognize a model that can fill in the middle by this variable of Ollama's
    /// templates.
    private var shownTemplate: String { infills ? template + "{# .Suffix #}" : template }

    /// The metadata, with the keys that clients read even if the file does not have them.
    private var modelInfo: JSONObject {
        var info = metadata
        // Ollama omits the name too: clients take the one that they asked for.
        info["general.name"] = nil
        func add(_ key: String, _ value: JSON?) { if info[key] == nil, let value { info[key] = value } }
        let architecture = model.architecture ?? "unknown"
        add("general.architecture", .string(architecture))
        add("general.basename", .string(OllamaName.untagged(model.name)))
        add("general.parameter_count", model.parameters.map(JSON.int))
        add("\(architecture).context_length", model.contextLength.map(JSON.int))
        add("\(architecture).embedding_length", model.embeddingLength.map(JSON.int))
        return info
    }

    // MARK: Parameters

    /// The names of Ollama's parameters whose field of a chat request has another name.
    private static let otherNames = ["max_completion_tokens": "num_predict", "max_tokens": "num_predict"]
    private static let sameNames = Set(OllamaParameters.sameNames + ["seed", "repeat_last_n", "stop"])

    /// Ollama's parameters with their values; a parameter with several values occurs several times.
    private var parameters: [(name: String, value: JSON)] {
        var all: [(name: String, value: JSON)] = []
        if let contextLength { all.append((name: "num_ctx", value: .int(contextLength))) }
        for (field, value) in fields {
            guard let name = Self.sameNames.contains(field) ? field : Self.otherNames[field] else { continue }
            all += (value.arrayValue ?? [value]).map { (name: name, value: $0) }
        }
        return all
    }

    private static func padded(_ text: String, to width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }

    /// The model in the form of a Modelfile, for people.
    private var modelfile: String {
        func quoted(_ text: String) -> String { "\"\"\"\(text)\"\"\"" }
        var lines = ["# Modelfile of \(OllamaName.tagged(model.name))", "FROM \(model.base ?? model.name)"]
        if !template.isEmpty { lines.append("TEMPLATE \(quoted(template))") }
        if !system.isEmpty { lines.append("SYSTEM \(quoted(system))") }
        lines += parameters.map { "PARAMETER \($0.name) \($0.value.text)" }
        lines += messages.map { "MESSAGE \($0.role.rawValue) \(quoted($0.text))" }
        if let license { lines.append("LICENSE \(quoted(license))") }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension ChatMessage {
    fileprivate var text: String { texts.joined() }
}
