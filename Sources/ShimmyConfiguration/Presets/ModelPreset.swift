package import ShimmyCore
package import ShimmyJSON

/// The content of a `[model."NAME"]` table, for a model that the server finds or for a new one based on it.
package struct ModelPreset: Sendable, Equatable {
    package var name: String
    /// The base of a new model; nil for a table about a model that the server finds.
    package var base: String?
    /// The context in tokens; nil if the table does not set it.
    package var context: Int?
    package var slots: Int?
    /// A Jinja template: its text, or the path of its file. Nil for the model's own template.
    package var chatTemplate: ChatTemplateSource?
    /// The system message for conversations without one; nil for none.
    package var system: String?
    /// Fields of a chat request for requests that do not set them.
    package var defaults = JSONObject()
    /// Fields of a chat request that override the request's.
    package var forced = JSONObject()
    package var aliases: [String] = []
    package var keepAlive: KeepAlive?
    package var pin: Bool?
    package var preload: Bool?
    package var lora: [AdapterPreset] = []
    /// Whether the model serves requests for moderation; nil if the table does not set it.
    package var moderation: Bool?

    /// Where the model runs, and the max bytes that its own process may allocate; nil if the table does not set them.
    package var isolation: ModelIsolation?
    package var isolationMemory: Int?

    package init(name: String) { self.name = name }

    package enum ChatTemplateSource: Sendable, Equatable {
        case text(String)
        case file(String)
    }

    /// A LoRA adapter that a model is loaded with.
    package struct AdapterPreset: Sendable, Equatable {
        /// The adapter's name for clients; nil for the file's name.
        package var name: String?
        package var path: String
        package var scale: Double
    }

    /// Whether the preset changes how the model is loaded.
    package var concernsLoading: Bool {
        context != nil || slots != nil || chatTemplate != nil || !lora.isEmpty || isolation != nil || isolationMemory != nil
    }

    /// Returns this preset with the values of another one where this one sets none. The name, the base and the aliases are never taken from the
    /// other.
    package func over(_ other: ModelPreset) -> ModelPreset {
        var result = self
        result.context = context ?? other.context
        result.slots = slots ?? other.slots
        result.chatTemplate = chatTemplate ?? other.chatTemplate
        result.system = system ?? other.system
        result.defaults = other.defaults.merged(with: defaults)
        result.forced = other.forced.merged(with: forced)
        result.keepAlive = keepAlive ?? other.keepAlive
        result.pin = pin ?? other.pin
        result.preload = preload ?? other.preload
        result.moderation = moderation ?? other.moderation
        result.isolation = isolation ?? other.isolation
        result.isolationMemory = isolationMemory ?? other.isolationMemory
        if lora.isEmpty { result.lora = other.lora }
        return result
    }
}

extension JSONObject {
    /// Returns the members of both objects. If both have a key, the other object's value wins.
    package func merged(with other: JSONObject) -> JSONObject {
        var result = self
        for (key, value) in other { result[key] = value }
        return result
    }
}
