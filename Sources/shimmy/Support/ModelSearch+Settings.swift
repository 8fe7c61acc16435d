import ArgumentParser
import ShimmyConfiguration
import ShimmyModels

extension ModelSearch {
    /// Returns the settings with which a model is served. Precedence, highest first: command-line options, environment, the model's own table, the
    /// file's settings for all models, the program that owns the model.
    func settings(for record: ModelRecord) -> ModelSettings {
        let preset = ModelBook.current.preset(for: record)
        let hint = record.hints.contextLength.map { min($0, record.contextLength ?? $0, EngineRanges.context.upperBound) }
        var settings = ModelSettings(
            contextLength: chosen(ctxSize, .ctxSize, preset.context) { Int($0) } ?? hint,
            slots: chosen(slots, .slots, preset.slots) { Int($0) },
            keepAlive: preset.keepAlive, isPinned: preset.pin ?? false, preloads: preset.preload ?? false)
        settings.adapters = preset.lora.map { LoRAAdapter(name: $0.name, path: $0.path, scale: Float($0.scale)) }
        (settings.isolation, settings.isolationMemory) = (preset.isolation, preset.isolationMemory)
        return settings
    }

    /// Returns the value of one setting from the source with the highest precedence; nil if none sets it.
    /// - preset: the value in the model's own table.
    func chosen<Value>(_ option: Value?, _ setting: Setting, _ preset: Value?, _ value: (String) -> Value?) -> Value? {
        let environment = Environment.process
        let said = environment.given(setting).flatMap(value)
        return option ?? (environment.isOwn(setting.variable) ? said : preset ?? said)
    }

    /// Returns the context length in tokens with which a model is served; nil if unknown.
    func plannedContextLength(_ record: ModelRecord) throws -> Int? {
        let loader = ModelLoader(
            memoryBudget: try Environment.process.size(.memoryBudget) ?? MachineMemory.defaultBudget,
            conversions: Conversions(in: Environment.process.directories), logger: LogOptions.quiet)
        return loader.plannedContextLength(record, settings(for: record))
    }
}
