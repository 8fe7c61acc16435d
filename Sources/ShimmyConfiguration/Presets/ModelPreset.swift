package import ShimmyCore
package import ShimmyJSON

/// What a `[model."NAME"]` table says: of a model that is found, or of a new one on top of it.
package struct ModelPreset: Sendable, Equatable {
    package var name: String
    /// The model that a new one stands on; nil for a table about a model that is found.
    package var base: String?
    /// Tokens.
    package var context: Int?
    package var slots: Int?
    /// A Jinja template; of the file, where one was named, the path.
    package var chatTemplate: ChatTemplateSource?
    /// For conversations that have no system message.
    package var system: String?
    /// Fields of a chat request, where the request has none.
    package var defaults = JSONObject()
    /// Fields of a chat request, whatever the request has.
    package var forced = JSONObject()
    package var aliases: [String] = []
    package var keepAlive: KeepAlive?
    package var pin: Bool?
    package var preload: Bool?
    package var lora: [AdapterPreset] = []

    package init(name: String) { self.name = name }

    package enum ChatTemplateSource: Sendable, Equatable {
        case text(String)
        case file(String)
    }

    /// A LoRA adapter that a model is loaded with.
    package struct AdapterPreset: Sendable, Equatable {
        /// What clients call it; nil for the file's name.
        package var name: String?
        package var path: String
        package var scale: Double
    }

    /// Whether a model is loaded otherwise for it.
    package var concernsLoading: Bool { context != nil || slots != nil || chatTemplate != nil || !lora.isEmpty }

    /// What holds where both say something is said by this one; the rest is the other's. Names are never shared.
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
        if lora.isEmpty { result.lora = other.lora }
        return result
    }
}

extension JSONObject {
    /// Members of the other win.
    package func merged(with other: JSONObject) -> JSONObject {
        var result = self
        for (key, value) in other { result[key] = value }
        return result
    }
}
