import ShimmyAPI
import ShimmyChat
import ShimmyConfiguration
import ShimmyJSON
import ShimmyModels

/// The settings of each model from the configuration file and from the programs that own models (such as Ollama).
struct ModelBook: Sendable {
    private let presets: [ModelPreset]

    init(_ presets: [ModelPreset]) { self.presets = presets }

    /// The settings of the current configuration file.
    static var current: ModelBook { ModelBook(ProcessConfiguration.shared.file?.presets ?? []) }

    // MARK: Names

    /// The target of each alias.
    var aliases: [String: String] {
        Dictionary(presets.flatMap { preset in preset.aliases.map { ($0, preset.name) } }, uniquingKeysWith: { first, _ in first })
    }

    var variants: [ModelVariant] {
        presets.compactMap { preset in
            preset.base.map { ModelVariant(name: preset.name, base: $0, sharesEngine: !preset.concernsLoading) }
        }
    }

    // MARK: Presets

    /// Returns the settings of a model. For a variant its own table has precedence over its base's table.
    func preset(for record: ModelRecord) -> ModelPreset {
        guard let base = record.base else {
            let own = Self.preset(ofCreated: record)
            return table(of: record).map { $0.over(own) } ?? own
        }
        var found = record
        (found.id, found.base, found.creation) = (base, nil, nil)
        let own = presets.first { $0.base != nil && $0.name == record.id } ?? Self.preset(ofCreated: record)
        return table(of: found).map(own.over) ?? own
    }

    /// Returns the settings that a client gave to the model that it created, in the form of the configuration file.
    private static func preset(ofCreated record: ModelRecord) -> ModelPreset {
        var preset = ModelPreset(name: record.id)
        guard let creation = record.creation else { return preset }
        preset.system = creation.hints.system.isEmpty ? nil : creation.hints.system
        preset.defaults = usable(creation.hints.defaults)
        preset.context = creation.hints.contextLength.map { min($0, record.contextLength ?? $0, EngineRanges.context.upperBound) }
        preset.chatTemplate = creation.template.map { .text($0) }
        return preset
    }

    /// Whether the model has settings that concern its engine: how it is loaded, or how long it stays loaded.
    func loadsAlone(_ record: ModelRecord) -> Bool {
        let preset = preset(for: record)
        return preset.concernsLoading || preset.keepAlive != nil || preset.pin != nil
    }

    /// Returns the table whose name matches the model best, by the rules for model names in requests; nil if none matches.
    private func table(of record: ModelRecord) -> ModelPreset? {
        let ranked = presets.filter { $0.base == nil }.compactMap { preset in
            ModelCatalog.closeness(of: preset.name, to: record).map { (preset, $0) }
        }
        return ranked.min { ($0.1, $0.0.name) < ($1.1, $1.0.name) }?.0
    }

    /// Returns the preset of a model's requests. The configuration file has precedence over the program that owns the model.
    /// - common: request fields for all models; they have the lowest precedence.
    func request(for record: ModelRecord, common: JSONObject = [:]) -> RequestPreset {
        let preset = preset(for: record)
        let own = record.creation?.hints.messages ?? []
        let messages = own.isEmpty ? record.hints.messages : own
        var request = RequestPreset(
            system: preset.system ?? record.hints.system, examples: messages.compactMap(\.chatMessage),
            defaults: common.merged(with: Self.usable(record.hints.defaults)).merged(with: preset.defaults), forced: preset.forced)
        request.moderates = preset.moderation ?? false
        return request
    }

    /// Returns the function that returns the current preset of a model; the configuration file may change while a server runs.
    /// - overContext: the handling of a token limit above the remaining context; nil for the configured one.
    static func presets(overContext: String? = nil) -> @Sendable (ModelRecord) -> RequestPreset {
        { record in
            let overContext = overContext ?? Environment.process.given(.maxTokensOverContext)
            return ModelBook.current.request(for: record, common: overContext.map { ["max_tokens_over_context": .string($0)] } ?? [:])
        }
    }

    /// Returns the fields whose values a request may have. Other programs allow values that Shimmy does not; numbers are moved into the range, and
    /// other values are dropped.
    private static func usable(_ fields: JSONObject) -> JSONObject {
        var usable = JSONObject()
        for (name, value) in SamplingLimits.moving(fields) where RequestPreset.problem([name: value]) == nil { usable[name] = value }
        return usable
    }
}

extension ModelHints.Message {
    /// The message for a conversation; nil if its role is not system, user or assistant.
    fileprivate var chatMessage: ChatMessage? {
        switch role {
        case "system", "user", "assistant": ChatMessage.Role(rawValue: role).map { ChatMessage($0, content) }
        default: nil
        }
    }
}
