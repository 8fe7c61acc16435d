import Logging
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyIsolation
import ShimmyLlama
import ShimmyModels
import ShimmyServer
import Synchronization

/// Loads models in processes of their own.
struct IsolatedModels: Sendable {
    let loader: ModelLoader
    let cpuKernels: CPUKernels.Choice
    private let program = OwnProgram.path

    init(loader: ModelLoader, cpuKernels: CPUKernels.Choice) {
        self.loader = loader
        self.cpuKernels = cpuKernels
    }

    func load(_ record: ModelRecord, _ settings: ModelSettings, _ progress: LoadProgress) async throws -> LoadedModel {
        let supervisor = EngineSupervisor(
            try await order(record, settings), logger: loader.logger, logLevel: { Logs.level.withLock { $0 } }, now: ModelManager.uptime
        ) { [program] order, tell in try EngineProcess.launch(program, order, tell) }
        do {
            let facts = try await supervisor.start { fraction in
                progress.report(fraction)
                return !progress.isCancelled
            }
            return LoadedModel(backend: IsolatedModel(supervisor, facts).backend, memory: facts.memory)
        } catch {
            await supervisor.stop()
            guard let failure = error as? EngineProcessFailure, case .ended(let reason) = failure.reason else { throw error }
            throw ModelError.loadFailed(record.id, reason: reason)
        }
    }

    private func order(_ record: ModelRecord, _ settings: ModelSettings) async throws -> EngineOrder {
        // The adapters and the template are read from files.
        try await DiskWork.shared.run(patience: 30) { [loader, cpuKernels] in
            if let limit = settings.isolationMemory {
                // The weights can be mapped, and then do not count.
                let needed = loader.estimate(record, settings)
                if needed.cache.saturated(adding: needed.compute) > limit { throw ModelError.tooLarge(record.id, needed: needed, available: limit) }
            }
            return try loader.order(record, settings, cpuKernels)
        }
    }
}

extension ModelLoader {
    /// Returns the order of a process that loads a model as this loader does.
    fileprivate func order(_ record: ModelRecord, _ settings: ModelSettings, _ cpuKernels: CPUKernels.Choice) throws -> EngineOrder {
        var order = EngineOrder(
            model: record.id, path: record.path, parts: record.shards, kind: record.kind.rawValue, sizeBytes: record.sizeBytes,
            modified: record.modified, streamGap: engine.target.gap, queue: engine.queue, memoryBudget: memoryBudget)
        (order.isFolder, order.base, order.trainedContext) = (record.isFolder, record.base, record.contextLength)
        // The header of a folder is known only after its conversion, by that process.
        order.contextLength = (record.isFolder ? settings : withContext(settings, for: record)).contextLength
        order.slots = settings.slots
        order.adapters = candidates(for: record, settings).map {
            EngineOrder.Adapter(name: $0.name, path: $0.path, scale: $0.scale, isRequired: $0.isRequired)
        }
        order.chatTemplate = try chatTemplate(record)
        order.threads = threads
        order.isDeterministic = engine.isDeterministic
        order.cpuKernels = cpuKernels.rawValue
        order.conversions = conversions.directory
        (order.prefixDirectory, order.prefixBytes) = (prefixes?.path, prefixes?.use.limit ?? 0)
        (order.memoryLimit, order.logsText) = (settings.isolationMemory, logsText)
        return order
    }

    /// Makes the loader of the process that gets an order.
    init(_ order: EngineOrder, logger: Logger) {
        self.init(conversions: Conversions(directory: order.conversions), logger: logger)
        chatTemplate = { _ in order.chatTemplate }
        threads = order.threads
        engine.logger = logger
        engine.target.gap = order.streamGap
        (engine.queue, engine.isDeterministic) = (order.queue, order.isDeterministic)
        (memoryBudget, logsText) = (order.memoryBudget, order.logsText)
        prefixes = order.prefixDirectory.map { PrefixDirectory(path: $0, limit: order.prefixBytes, logger: logger) }
    }
}

extension ModelRecord {
    /// Makes the record of the model of an order; nil if its kind is unknown.
    init?(_ order: EngineOrder) {
        guard let kind = ModelKind(rawValue: order.kind) else { return nil }
        self.init(
            id: order.model, path: order.path, source: .file, kind: kind, sizeBytes: order.sizeBytes, modified: order.modified, shards: order.parts)
        (isFolder, base, contextLength) = (order.isFolder, order.base, order.trainedContext)
    }
}

extension ModelSettings {
    /// Makes the settings of the model of an order. The model stays loaded until its process ends.
    init(_ order: EngineOrder) {
        self.init(contextLength: order.contextLength, slots: order.slots, keepAlive: .forever, isPinned: true)
        adapters = order.adapters.map { LoRAAdapter(name: $0.name, path: $0.path, scale: $0.scale, isRequired: $0.isRequired) }
    }
}
