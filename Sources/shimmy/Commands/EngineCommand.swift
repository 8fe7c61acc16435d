import ArgumentParser
import Foundation
import Logging
import ServiceLifecycle
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyHub
import ShimmyIsolation
import ShimmyLlama
import ShimmyModels
import ShimmyServer
import ShimmyService

/// Serves one model for a server that runs its models in processes of their own. The server starts this command; people do not.
struct EngineCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "engine", abstract: "Run a model for a server that started this process (isolation = \"process\").", shouldDisplay: false)

    func run() async throws {
        // Signals for the whole group of processes are for the server, which ends this process when its requests are done.
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_IGN) }
        umask(0o077)
        guard isatty(0) == 0, let order = try await ParentProcess.order(), let record = ModelRecord(order) else {
            Console.error("'shimmy engine' is started by 'shimmy serve' only; use --isolation process there")
            throw ExitCode.validationFailure
        }
        let logger = Logs.make(level: Logger.Level(rawValue: order.logLevel) ?? .notice, format: .json)
        let models = Self.models(order, record, logger)
        ParentProcess.watch {
            Self.removeSocket(order.socket)
            Task {
                await models.shutdown()
                _exit(0)
            }
        }
        if let bytes = order.memoryLimit, !ProcessMemory.limit(bytes) {
            logger.warning("memory limit not set: this system has none", metadata: ["bytes": .stringConvertible(bytes)])
        }
        LlamaBackend.start(logger: logger)
        CPUKernels.install(CPUKernels.Choice(rawValue: order.cpuKernels) ?? .auto)
        do {
            let server = Self.server(order, record, models, logger)
            let group = ServiceGroupConfiguration(services: [.init(service: server)], logger: logger)
            try await ServiceGroup(configuration: group).run()
        } catch {
            Self.fail("its server failed: \(error)", order)
        }
    }

    private static func models(_ order: EngineOrder, _ record: ModelRecord, _ logger: Logger) -> ModelManager {
        let (loader, settings) = (ModelLoader(order, logger: logger), ModelSettings(order))
        // The server has already decided that the model fits into the memory.
        return ModelManager(
            limits: ModelPool<LoadedModel>.Limits(budget: .max / 4), logger: logger, scan: { ModelCatalog(records: [record]) },
            settings: { _ in settings }, estimate: { loader.estimate($0, $1) }, terms: { loader.terms($0, $1) },
            load: { try await loader.load($0, $1, $2) })
    }

    private static func server(_ order: EngineOrder, _ record: ModelRecord, _ models: ModelManager, _ logger: Logger) -> ShimmyServer {
        let loader = ModelLoader(order, logger: logger)
        var configuration = ServerConfiguration(access: ServerAccess.Rules(apiKeys: [APIKey(order.secret)]))
        (configuration.socket, configuration.isSocketOnly) = (order.socket, true)
        (configuration.hasPage, configuration.takesOwners) = (false, true)
        configuration.version = BuildVersion.text
        // The server limits its clients. It closes idle connections earlier than this process does.
        (configuration.limits.input.bodyBytes, configuration.limits.bodyMemory) = (1_000_000_000, 8_000_000_000)
        (configuration.limits.requests, configuration.limits.requestTime) = (1_000_000, .seconds(3600))
        configuration.limits.returnFreedMemory = LlamaBackend.returnFreedMemory
        let service = InferenceService(
            models: models, presets: { _ in RequestPreset() }, store: nil, observer: AnswerObservers([AnswerLog()]), logger: logger,
            owner: { _ in .common })
        return ShimmyServer(
            configuration: configuration, service: service, hub: .standard(memory: order.memoryBudget), library: OwnModels(),
            contextLength: { loader.plannedContextLength($0, ModelSettings(order)) }, tokenizer: { try await loader.tokenizer(of: $0) },
            logger: logger
        ) { _ in
            chmod(order.socket, 0o600)
        } afterStart: {
            await load(record, models, order)
        }
    }

    /// Loads the model and reports it, or the reason why it cannot be loaded, which ends the process.
    private static func load(_ record: ModelRecord, _ models: ModelManager, _ order: EngineOrder) async {
        let reports = Task {
            while !Task.isCancelled {
                ParentProcess.tell(.progress(models.progress(of: record.id) ?? 0))
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
        defer { reports.cancel() }
        do {
            let lease = try await models.acquire(record)
            ParentProcess.tell(.ready(EngineFacts(lease.backend, models.statuses.first?.memory ?? MemoryUse())))
            let engine = lease.backend.engine
            ParentProcess.report { engine.statistics }
        } catch ModelError.loadFailed(_, let reason) {
            fail(reason, order)
        } catch {
            fail("\(error)", order)
        }
    }

    private static func fail(_ reason: String, _ order: EngineOrder) {
        ParentProcess.tell(.failed(reason))
        removeSocket(order.socket)
        _exit(ExitStatus.modelUnusable.rawValue)
    }

    /// Removes the socket with its directory, which the server created for it.
    private static func removeSocket(_ path: String) {
        unlink(path)
        rmdir((path as NSString).deletingLastPathComponent)
    }
}
