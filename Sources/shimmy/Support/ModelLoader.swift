import Logging
import ShimmyChat
import ShimmyEngine
import ShimmyLlama
import ShimmyModels

/// Turns a file on the disk into a backend of this process: weights, context, engine.
struct ModelLoader: Sendable {
    /// A chat template for every model; nil for each model's own.
    var chatTemplate: String?
    /// Tokens of context for every model; nil for each model's own.
    var contextLength: Int?
    var threads: Int?
    /// Sequences of a model that can be computed at once; nil for the default.
    var slots: Int?
    var engine = EngineHandle.Options()
    var prefixes: PrefixDirectory?
    var logger: Logger

    func load(_ record: ModelRecord) async throws -> any Backend {
        let model = try await onOwnThread(named: "load") { try LlamaModel(path: record.path) }
        let template = try template(of: model, record)
        let options = LlamaRunner.Options(
            contextLength: contextLength, threads: threads, slots: slots ?? LlamaRunner.Options.defaultSlots,
            adaptsThreads: !engine.isDeterministic)
        var settings = engine
        settings.store = try prefixes?.store(for: record)
        let engine = try await EngineHandle.start(name: "engine", options: settings) { try LlamaRunner(model: model, options: options) }
        return LocalBackend(
            vocabulary: model.vocabulary, template: template, engine: engine, fingerprint: fingerprint(record, engine.limits), logger: logger)
    }

    /// A model's own template that does not parse is no reason to do without the model: ChatML is what most models know.
    private func template(of model: LlamaModel, _ record: ModelRecord) throws -> LlamaChatTemplate {
        if let chatTemplate { return try LlamaChatTemplate(model: model, source: chatTemplate) }
        do {
            return try LlamaChatTemplate(model: model)
        } catch {
            logger.warning(
                "the model's own chat template cannot be used; ChatML takes its place", metadata: ["model": "\(record.id)", "error": "\(error)"])
            return try LlamaChatTemplate(model: model, source: "chatml")
        }
    }

    /// The context that a model will get, told from its file alone.
    func plannedContextLength(_ record: ModelRecord) -> Int? {
        contextLength ?? record.contextLength.map { min($0, LlamaRunner.Options.defaultContextLimit) }
    }

    /// Equal for equal engine, build, file and settings. FNV-1a: it names, it does not protect.
    private func fingerprint(_ record: ModelRecord, _ limits: RunnerLimits) -> String {
        let facts = [
            BuildVersion.text, LlamaBackend.build, CPUKernels.instructionSet ?? "ggml", record.id, "\(record.sizeBytes)", "\(record.modified)",
            "\(limits.contextLength)",
        ]
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in facts.joined(separator: "\u{1f}").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return "fp_" + String(hash, radix: 16)
    }
}
