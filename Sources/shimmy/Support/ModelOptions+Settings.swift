import ArgumentParser
import ShimmyConfiguration
import ShimmyModels

extension ModelOptions {
    /// How a model is served. Options win over the environment, that over the model's own table, that over what the file says of all
    /// models, and that over what the program says that keeps the model.
    func settings(for record: ModelRecord) -> ModelSettings {
        let preset = ModelBook.current.preset(for: record)
        let hint = record.hints.contextLength.map { min($0, record.contextLength ?? $0, EngineRanges.context.upperBound) }
        var settings = ModelSettings(
            contextLength: chosen(ctxSize, "SHIMMY_CTX_SIZE", preset.context) { Int($0) } ?? hint,
            slots: chosen(slots, "SHIMMY_SLOTS", preset.slots) { Int($0) },
            keepAlive: preset.keepAlive, isPinned: preset.pin ?? false, preloads: preset.preload ?? false)
        settings.adapters = preset.lora.map { LoRAAdapter(name: $0.name, path: $0.path, scale: Float($0.scale)) }
        return settings
    }

    /// The chat template in place of the model's own; nil for that.
    func chatTemplate(for record: ModelRecord) -> ModelPreset.ChatTemplateSource? {
        let preset = ModelBook.current.preset(for: record)
        return chosen(chatTemplateFile.map { .file($0) }, "SHIMMY_CHAT_TEMPLATE_FILE", preset.chatTemplate) { .file($0) }
    }

    /// What was said of one setting, by the one whose word counts most.
    /// - preset: by the model's own table.
    func chosen<Value>(_ option: Value?, _ variable: String, _ preset: Value?, _ value: (String) -> Value?) -> Value? {
        let environment = Environment.process
        let said = environment.string(variable).flatMap(value)
        return option ?? (environment.isOwn(variable) ? said : preset ?? said)
    }
}
