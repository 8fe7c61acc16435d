import ArgumentParser
import Foundation
import Logging
import ShimmyChat
import ShimmyConfiguration
import ShimmyEngine
import ShimmyLlama
import ShimmyModels

/// The options of every command that loads models.
struct ModelOptions: ParsableArguments, ModelSearch {
    @OptionGroup var models: CatalogOptions

    @Option(help: .setting(.ctxSize))
    var ctxSize: Int?

    @Option(help: .setting(.threads))
    var threads: Int?

    @Option(help: .setting(.slots))
    var slots: Int?

    @Option(help: .setting(.streamGap))
    var streamGap: Int?

    @Option(help: .setting(.queue))
    var queue: Int?

    @Option(help: .setting(.prefixCacheDir))
    var prefixCacheDir: String?

    @Option(help: .setting(.prefixCacheSize), transform: ByteSize.parse)
    var prefixCacheSize: Int?

    @Option(help: .setting(.cpuKernels))
    var cpuKernels: CPUKernels.Choice?

    @Option(help: .setting(.chatTemplateFile))
    var chatTemplateFile: String?

    @Option(help: .setting(.lora))
    var lora: [String] = []

    @Flag(help: .setting(.deterministic))
    var deterministic = false

    @OptionGroup var log: LogOptions

    @Flag(help: .setting(.logText))
    var logText = false

    func validate() throws {
        try OptionRanges.check(.ctxSize, ctxSize)
        try OptionRanges.check(.threads, threads)
        try OptionRanges.check(.streamGap, streamGap)
        try OptionRanges.check(.queue, queue)
        try OptionRanges.check(.slots, slots)
    }

    private var environment: Environment { .process }

    var modelDir: [String] { models.modelDir }

    func logger(quiet: Bool) -> Logger { log.logger(quiet: quiet) }

    func level(quiet: Bool) -> Logger.Level { log.level(quiet: quiet) }

    /// Returns the directory of cached prefixes; nil if none is configured. Throws `ValidationError` if the environment's value is not a size.
    func prefixes(_ logger: Logger) throws -> PrefixDirectory? {
        guard let path = prefixCacheDir ?? environment.given(.prefixCacheDir) else { return nil }
        let size = try prefixCacheSize ?? environment.size(.prefixCacheSize)
        return PrefixDirectory(path: path, limit: size ?? 4_000_000_000, logger: logger)
    }

    /// Checks the template that is given for all models. Throws `ValidationError` if it cannot be read or does not parse.
    private func checkChatTemplate() throws {
        guard let path = chatTemplateFile ?? environment.given(.chatTemplateFile) else { return }
        guard let source = try? String(contentsOfFile: path, encoding: .utf8) else { throw ValidationError("\(path) cannot be read.") }
        do {
            _ = try LlamaChatTemplate(source: source)
        } catch {
            throw ValidationError("\(path): \(error).")
        }
    }

    /// Returns the chat template that replaces the model's own; nil to use the model's own.
    func chatTemplate(for record: ModelRecord) -> ModelPreset.ChatTemplateSource? {
        let preset = ModelBook.current.preset(for: record)
        return chosen(chatTemplateFile.map { .file($0) }, .chatTemplateFile, preset.chatTemplate) { .file($0) }
    }

    var chosenKernels: CPUKernels.Choice { cpuKernels ?? environment.choice(.cpuKernels) ?? .auto }

    func loader(_ logger: Logger) throws -> ModelLoader {
        var engine = EngineHandle.Options(logger: logger)
        if let gap = streamGap ?? environment.integer(.streamGap) { engine.target.gap = Double(gap) / 1000 }
        if let queue = queue ?? environment.integer(.queue) { engine.queue = queue }
        engine.isDeterministic = deterministic || environment.flag(.deterministic)
        CPUKernels.install(chosenKernels)
        try checkChatTemplate()
        return ModelLoader(
            chatTemplate: { try chatTemplate(for: $0)?.source }, threads: threads ?? environment.integer(.threads), engine: engine,
            adapters: try (lora.isEmpty ? environment.list(.lora) : lora).map(LoRAOption.parse),
            memoryBudget: try environment.size(.memoryBudget) ?? MachineMemory.defaultBudget,
            conversions: Conversions(in: environment.directories),
            logger: logger, logsText: logText || environment.flag(.logText))
    }
}

extension CPUKernels.Choice: ExpressibleByArgument {}
