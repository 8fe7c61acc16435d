import Foundation
import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyLlama
import ShimmyModels
import Synchronization

/// Turns a file on the disk into a backend of this process: weights, context, engine.
struct ModelLoader: Sendable {
    /// The chat template in place of a model's own; nil for that.
    var chatTemplate: @Sendable (ModelRecord) throws -> String? = { _ in nil }
    var threads: Int?
    var engine = EngineHandle.Options()
    /// Adapters for all models that they fit.
    var adapters: [LoRAAdapter] = []
    var prefixes: PrefixDirectory?
    /// Bytes that all models may take; a model's default context follows from it.
    var memoryBudget = MachineMemory.defaultBudget
    var conversions: Conversions
    var logger: Logger
    private let adapterMemory = AdapterMemory()

    /// What a model will take, told from its files alone.
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

    /// The settings with the context that the model gets where they do not say one. One model takes at most half of the budget by default, so that
    /// another one fits beside it.
    private func withContext(_ settings: ModelSettings, for record: ModelRecord) -> ModelSettings {
        guard settings.contextLength == nil else { return settings }
        var settings = settings
        settings.contextLength = memory(of: record).defaultContextLength(within: memoryBudget / 2, slots: settings.slots)
        return settings
    }

    /// What a load goes by.
    func terms(_ record: ModelRecord, _ settings: ModelSettings) -> LoadTerms {
        let conversion = record.isFolder ? conversions.path(of: record) : nil
        let files = conversion.map { [$0] } ?? record.shards
        // Models of vectors are loaded without adapters.
        let plan = record.kind == .model ? adapterMemory.plan(files: files, candidates: candidates(for: record, settings)) : AdapterPlan()
        return LoadTerms(record, settings, conversion: conversion, chatTemplate: try? chatTemplate(record), plan: plan)
    }

    func load(
        _ record: ModelRecord, _ settings: ModelSettings, _ progress: LoadProgress = LoadProgress()
    ) async throws -> LoadedModel {
        let freed = Signal()
        let path = record.isFolder ? try await conversions.converted(record, logger: logger, progress) : record.path
        try progress.check()
        // After the conversion: only now a folder's header is known.
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
        // Whoever just looked at it lets go in a moment; a reference that is forgotten must not stop the others for ever.
        return LoadedModel(backend: backend, memory: memory) { [logger] in
            if await !freed.wait(atMost: .seconds(10)) { logger.error("a model's memory was not freed", metadata: ["model": "\(record.id)"]) }
        }
    }

    /// The tokenizer's facts of a model that is not loaded, from its vocabulary alone. Throws for a folder that was never converted.
    func tokenizer(of record: ModelRecord) async throws -> TokenizerFacts {
        let path = record.isFolder ? conversions.path(of: record) : record.path
        let files = record.isFolder ? [path] : record.shards
        return try await DiskWork.shared.run(patience: 30) {
            _ = try LoadCheck.headers(of: files)
            let model = try LlamaModel(path: path, options: .init(vocabularyOnly: true))
            return TokenizerFacts(model.vocabulary, template: try template(of: model, record).source)
        }
    }

    private func start(_ model: LlamaModel, _ headers: [GGUFHeader], _ record: ModelRecord, _ settings: ModelSettings) async throws -> (
        any Backend, MemoryUse
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
        let backend = LocalBackend(
            vocabulary: model.vocabulary, template: template, engine: engine,
            fingerprint: fingerprint(record, plan.adapters, contextLength: engine.limits.contextLength), adapters: ModelAdapters(plan), logger: logger
        )
        var memory = taken.withLock { $0 }
        memory.weights += plan.sizeBytes
        return (backend, memory)
    }

    /// Where the model's prefixes are kept; nil for nowhere.
    private func store(
        of model: LlamaModel, _ record: ModelRecord, _ settings: ModelSettings, _ adapters: [LoRAAdapter]
    ) async throws -> PrefixStore? {
        let shape = EngineShape.generation(contextLength: settings.contextLength, trained: model.trainedContextLength, slots: settings.slots)
        let files = record.isFolder ? [conversions.path(of: record)] : record.shards
        return try await prefixes?.store(for: record, files: files, contextLength: shape.contextLength, adapters: adapters)
    }

    private func candidates(for record: ModelRecord, _ settings: ModelSettings) -> [LoRAAdapter] {
        settings.adapters + record.adapters.filter(\.isRequired) + adapters + record.adapters.filter { !$0.isRequired }
    }

    private func adapters(for record: ModelRecord, _ settings: ModelSettings, _ headers: [GGUFHeader]) throws -> AdapterPlan {
        let plan = try AdapterPlan(for: headers, candidates: candidates(for: record, settings))
        for adapter in adapters {
            guard let reason = plan.refused[adapter.name] else { continue }
            logger.info("an adapter is not for this model", metadata: ["model": "\(record.id)", "adapter": "\(adapter.name)", "reason": "\(reason)"])
        }
        return plan
    }

    private func loadEmbedder(_ model: LlamaModel, judges: Bool, _ record: ModelRecord, _ settings: ModelSettings) async throws -> (
        any Backend, MemoryUse
    ) {
        let (contextLength, threads) = (settings.contextLength, threads)
        let taken = Mutex(MemoryUse())
        let engine = try await EmbeddingEngine.start(name: "embed", target: self.engine.target) {
            let runner = try LlamaEmbedder(model: model, contextLength: contextLength, threads: threads)
            taken.withLock { $0 = runner.memory }
            return runner
        }
        let backend = EmbeddingBackend(
            vocabulary: model.vocabulary, engine: engine, judges: judges,
            fingerprint: fingerprint(record, [], contextLength: engine.limits.contextLength)
        )
        return (backend, taken.withLock { $0 })
    }

    /// A model's own template that does not parse is no reason to do without the model: ChatML is what most models know.
    private func template(of model: LlamaModel, _ record: ModelRecord) throws -> LlamaChatTemplate {
        if let source = try chatTemplate(record) { return try LlamaChatTemplate(model: model, source: source) }
        do {
            return try LlamaChatTemplate(model: model)
        } catch {
            logger.warning(
                "the model's own chat template cannot be used; ChatML takes its place", metadata: ["model": "\(record.id)", "error": "\(error)"])
            return try LlamaChatTemplate(model: model, source: "chatml")
        }
    }

    /// The context that a model will get, told from its file alone.
    func plannedContextLength(_ record: ModelRecord, _ settings: ModelSettings) -> Int? {
        withContext(settings, for: record).contextLength ?? record.contextLength.map { min($0, EngineShape.defaultContextLimit) }
    }

    /// Equal for equal engine, build, file and settings.
    private func fingerprint(_ record: ModelRecord, _ adapters: [LoRAAdapter], contextLength: Int) -> String {
        var facts = [
            BuildVersion.text, LlamaBackend.build, CPUKernels.instructionSet ?? "ggml", record.id, "\(record.sizeBytes)", "\(record.modified)",
            "\(contextLength)",
        ]
        for adapter in adapters { facts += [adapter.name, "\(adapter.scale)", PrefixDirectory.content(of: adapter.path)] }
        return "fp_" + ShortHash.of(facts)
    }
}

extension ModelAdapters {
    fileprivate init(_ plan: AdapterPlan) {
        self.init(
            loaded: plan.adapters.map { Loaded(name: $0.name, file: ($0.path as NSString).lastPathComponent, scale: $0.scale) }, refused: plan.refused
        )
    }
}
