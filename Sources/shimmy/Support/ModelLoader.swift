import Foundation
import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyFormats
import ShimmyLlama
import ShimmyModels
import ShimmyPrefixes
import Synchronization

/// Loads a model file into a backend of this process: weights, context and engine.
struct ModelLoader: Sendable {
    /// Returns the chat template that replaces the model's own; nil to use the model's own.
    var chatTemplate: @Sendable (ModelRecord) throws -> String? = { _ in nil }
    var threads: Int?
    var engine = EngineHandle.Options()
    /// The LoRA adapters to load with every model that they fit.
    var adapters: [LoRAAdapter] = []
    var prefixes: PrefixDirectory?
    /// The number of bytes that all models may use together. A model's default context length depends on it.
    var memoryBudget = MachineMemory.defaultBudget
    var conversions: Conversions
    var logger: Logger
    /// Whether debug messages may contain parts of prompts.
    var logsText = false
    private let adapterMemory = AdapterMemory()
    private let tokenizers = KnownTokenizers()

    /// Returns the memory that a model will use, estimated from its files without loading it.
    func estimate(_ record: ModelRecord, _ settings: ModelSettings) -> MemoryUse {
        let files = record.isFolder ? [conversions.path(of: record)] : record.shards
        let adapterBytes = adapterMemory.bytes(files: files, candidates: candidates(for: record, settings))
        let settings = withContext(settings, for: record)
        return memory(of: record).use(contextLength: settings.contextLength, slots: settings.slots, adapterBytes: adapterBytes)
    }

    private func memory(of record: ModelRecord) -> MemoryEstimate {
        let converted = record.isFolder ? try? GGUFHeader.read(path: conversions.path(of: record)) : nil
        return converted.map { MemoryEstimate($0) } ?? record.memory
            ?? MemoryEstimate(sizeBytes: record.sizeBytes, contextLength: record.contextLength)
    }

    /// Returns the settings with a context length, computing one if they have none. By default a model uses at most half of the memory budget, so
    /// that another one fits beside it.
    func withContext(_ settings: ModelSettings, for record: ModelRecord) -> ModelSettings {
        guard settings.contextLength == nil else { return settings }
        var settings = settings
        settings.contextLength = memory(of: record).defaultContextLength(within: memoryBudget / 2, slots: settings.slots)
        return settings
    }

    /// Returns the inputs of a load. If they change, a loaded model is stale.
    func terms(_ record: ModelRecord, _ settings: ModelSettings) -> LoadTerms {
        let conversion = record.isFolder ? conversions.path(of: record) : nil
        let files = conversion.map { [$0] } ?? record.shards
        // Embedding models are loaded without adapters.
        let plan = record.kind == .model ? adapterMemory.plan(files: files, candidates: candidates(for: record, settings)) : AdapterPlan()
        return LoadTerms(record, settings, conversion: conversion, chatTemplate: try? chatTemplate(record), plan: plan)
    }

    func load(
        _ record: ModelRecord, _ settings: ModelSettings, _ progress: LoadProgress = LoadProgress()
    ) async throws -> LoadedModel {
        let freed = Signal()
        let path = record.isFolder ? try await conversions.converted(record, logger: logger, progress) : record.path
        try progress.check()
        // The header of a folder's GGUF file exists only after the conversion.
        let settings = withContext(settings, for: record)
        let done = progress.fraction
        let files = record.isFolder ? [path] : record.shards
        let options = LlamaModel.Options(onFree: freed.fire) { fraction in
            progress.report(done + (1 - done) * fraction)
            return !progress.isCancelled
        }
        let (headers, model) = try await onOwnThread(named: "load") {
            (try LoadCheck.headers(of: files), try LlamaModel(path: path, options: options))
        }
        try progress.check()
        let (backend, memory) = try await start(model, headers, record, settings)
        // A short-lived reference may still exist and ends within moments. The timeout keeps a leaked reference from blocking other loads for ever.
        return LoadedModel(backend: backend, memory: memory) { [logger] in
            if await !freed.wait(atMost: .seconds(10)) { logger.error("model memory was not freed", metadata: ["model": "\(record.id)"]) }
        }
    }

    /// Returns the tokenizer's properties of a model without loading its weights. Throws for a folder that was never converted.
    func tokenizer(of record: ModelRecord) async throws -> TokenizerFacts {
        let path = record.isFolder ? conversions.path(of: record) : record.path
        let files = record.isFolder ? [path] : record.shards
        return try await DiskWork.shared.run(patience: 30) {
            try tokenizers.facts(of: files, template: try chatTemplate(record)) {
                _ = try LoadCheck.headers(of: files)
                let model = try LlamaModel(path: path, options: .init(vocabularyOnly: true))
                let template = try template(of: model, record)
                var facts = TokenizerFacts(model.vocabulary, template: template.source)
                // Some templates always reason, so that they have no switch for it.
                let prompt = try? template.render(Conversation(messages: [ChatMessage(.user, "Hi")]))
                facts.thinks = template.canThink || prompt?.thinking != nil
                return facts
            }
        }
    }

    private func start(_ model: LlamaModel, _ headers: [GGUFHeader], _ record: ModelRecord, _ settings: ModelSettings) async throws -> (
        Backend, MemoryUse
    ) {
        if let pooling = LlamaEmbedder.pooling(of: model) { return try await loadEmbedder(model, judges: pooling == .rank, record, settings) }
        let template = try template(of: model, record)
        let plan = try adapters(for: record, settings, headers)
        let options = LlamaRunner.Options(
            contextLength: settings.contextLength, threads: threads, slots: settings.slots ?? EngineShape.defaultSlots,
            adaptsThreads: !engine.isDeterministic, adapters: plan.adapters.map(\.path))
        var engineOptions = engine
        engineOptions.store = try await store(of: model, record, settings, plan.adapters)
        let taken = Mutex(MemoryUse())
        let engine = try await EngineHandle.start(name: "engine", options: engineOptions) {
            let runner = try LlamaRunner(model: model, options: options)
            taken.withLock { $0 = runner.memory }
            return runner
        }
        if engine.limits.contextLength > model.trainedContextLength {
            logger.warning(
                "context is longer than the model was trained with; answers to longer prompts may be useless",
                metadata: [
                    "model": "\(record.id)", "context": .stringConvertible(engine.limits.contextLength),
                    "trained": .stringConvertible(model.trainedContextLength),
                ])
        }
        let generator = LocalGenerator(
            vocabulary: model.vocabulary, template: template, engine: engine, adapters: ModelAdapters(plan), logger: logger, logsText: logsText)
        var memory = taken.withLock { $0 }
        memory.weights += plan.sizeBytes
        return (generator.backend(fingerprint: fingerprint(record, plan.adapters, contextLength: engine.limits.contextLength)), memory)
    }

    /// Returns the store of the model's cached prefixes on the disk; nil if there is none.
    private func store(
        of model: LlamaModel, _ record: ModelRecord, _ settings: ModelSettings, _ adapters: [LoRAAdapter]
    ) async throws -> PrefixStore? {
        let shape = EngineShape.generation(contextLength: settings.contextLength, trained: model.trainedContextLength, slots: settings.slots)
        let files = record.isFolder ? [conversions.path(of: record)] : record.shards
        return try await prefixes?.store(for: record, files: files, contextLength: shape.contextLength, adapters: adapters)
    }

    /// Returns the adapters to load with a model if they fit it, in order of precedence.
    func candidates(for record: ModelRecord, _ settings: ModelSettings) -> [LoRAAdapter] {
        settings.adapters + record.adapters.filter(\.isRequired) + adapters + record.adapters.filter { !$0.isRequired }
    }

    private func adapters(for record: ModelRecord, _ settings: ModelSettings, _ headers: [GGUFHeader]) throws -> AdapterPlan {
        let plan = try AdapterPlan(for: headers, candidates: candidates(for: record, settings))
        for adapter in adapters {
            guard let reason = plan.refused[adapter.name] else { continue }
            logger.info("adapter does not fit the model", metadata: ["model": "\(record.id)", "adapter": "\(adapter.name)", "reason": "\(reason)"])
        }
        return plan
    }

    private func loadEmbedder(_ model: LlamaModel, judges: Bool, _ record: ModelRecord, _ settings: ModelSettings) async throws -> (
        Backend, MemoryUse
    ) {
        let (contextLength, threads) = (settings.contextLength, threads)
        let taken = Mutex(MemoryUse())
        let engine = try await EmbeddingEngine.start(name: "embed", target: self.engine.target) {
            let runner = try LlamaEmbedder(model: model, contextLength: contextLength, threads: threads)
            taken.withLock { $0 = runner.memory }
            return runner
        }
        let fingerprint = fingerprint(record, [], contextLength: engine.limits.contextLength)
        let backend =
            judges
            ? LocalReranker(vocabulary: model.vocabulary, engine: engine).backend(fingerprint: fingerprint)
            : LocalEmbedder(vocabulary: model.vocabulary, engine: engine).backend(fingerprint: fingerprint)
        return (backend, taken.withLock { $0 })
    }

    /// Returns the chat template of a model. A model whose own template does not parse or does not end is served with ChatML, which most models know.
    private func template(of model: LlamaModel, _ record: ModelRecord) throws -> LlamaChatTemplate {
        if let source = try chatTemplate(record) { return try LlamaChatTemplate(model: model, source: source) }
        do {
            return try LlamaChatTemplate(model: model)
        } catch {
            logger.warning(
                "chat template cannot be used; using ChatML instead", metadata: ["model": "\(record.id)", "error": "\(error)"])
            return try LlamaChatTemplate(model: model, source: "chatml")
        }
    }

    /// Returns the context length in tokens that a model will get, computed from its file without loading it; nil if unknown.
    func plannedContextLength(_ record: ModelRecord, _ settings: ModelSettings) -> Int? {
        // The context of an upstream server's model is the server's.
        if record.upstream != nil { return record.contextLength }
        return withContext(settings, for: record).contextLength ?? record.contextLength.map { min($0, EngineShape.defaultContextLimit) }
    }

    /// Returns the value of `system_fingerprint`. It is equal for equal engine, build, file and settings.
    private func fingerprint(_ record: ModelRecord, _ adapters: [LoRAAdapter], contextLength: Int) -> String {
        var facts = [
            BuildVersion.text, LlamaBackend.build, CPUKernels.instructionSet ?? "ggml", record.id, "\(record.sizeBytes)", "\(record.modified)",
            "\(contextLength)",
        ]
        for adapter in adapters { facts += [adapter.name, "\(adapter.scale)", PrefixDirectory.content(of: adapter.path)] }
        return "fp_" + String(FNVHash.of(facts), radix: 16)
    }
}

extension ModelAdapters {
    fileprivate init(_ plan: AdapterPlan) {
        self.init(
            loaded: plan.adapters.map { Loaded(name: $0.name, file: ($0.path as NSString).lastPathComponent, scale: $0.scale) }, refused: plan.refused
        )
    }
}
