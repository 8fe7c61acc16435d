import ShimmyCore
package import ShimmyJSON

/// Settings from the program that owns a model: Ollama's parameters, system prompt and messages, in Shimmy's terms.
package struct ModelHints: Sendable, Equatable {
    /// Values for the fields that a chat request does not set.
    package var defaults = JSONObject()
    package var system = ""
    /// Messages that precede a conversation's own messages.
    package var messages: [Message] = []
    /// The context length in tokens; nil if the program does not set one.
    package var contextLength: Int?
    /// Whether the program stores a chat template in a different format. Shimmy does not use it, because the model was trained with the template
    /// in its own file.
    package var hasForeignTemplate = false

    package struct Message: Sendable, Equatable {
        package let role: String
        package let content: String

        package init(role: String, content: String) {
            self.role = role
            self.content = content
        }

        /// Reads `{"role": …, "content": …}`. Returns nil if one of the two is not a string.
        init?(_ json: JSON) {
            guard let role = json["role"]?.stringValue, let content = json["content"]?.stringValue else { return nil }
            self.init(role: role, content: content)
        }
    }

    package init() {}
}

// MARK: Ollama's parameters

extension ModelHints {
    /// The min context length in tokens; a smaller one has no effect.
    static let leastContext = 16
    /// Ollama accepts any number of stop strings, a request at most four. The others are mostly EOG tokens, which end an answer anyway.
    private static let mostStops = 4

    /// The parameters that have the same name in a chat request. Parameters for threads, devices and memory only concern Ollama.
    private static let sameNames = Set(OllamaParameters.sameNames + ["seed"])

    /// Adds Ollama's parameters in Shimmy's terms. Returns the names of those that have no effect, or not their whole effect.
    @discardableResult
    package mutating func add(ollamaParameters parameters: JSONObject) -> [String] {
        parameters.compactMap { name, value in add(name, value) ? nil : name }
    }

    /// Returns whether the parameter has its whole effect.
    private mutating func add(_ name: String, _ value: JSON) -> Bool {
        if name == "stop" {
            guard let stops = value.stringValue.map({ [JSON.string($0)] }) ?? value.arrayValue else { return false }
            if !stops.isEmpty { defaults["stop"] = .array(Array(stops.prefix(Self.mostStops))) }
            return stops.count <= Self.mostStops
        }
        if Self.sameNames.contains(name) {
            defaults[name] = value
            return true
        }
        guard let number = value.intValue else { return false }
        switch name {
        // Zero and less mean unlimited, or as much as fits.
        case "num_predict": if number > 0 { defaults["max_completion_tokens"] = .int(number) }
        case "repeat_last_n": defaults[name] = .int(OllamaParameters.repeatLength(number))
        case "num_ctx":
            contextLength = number >= Self.leastContext ? number : nil
            return number == 0 || contextLength != nil
        default: return false
        }
        return true
    }
}
