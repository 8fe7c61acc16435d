import ArgumentParser
import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import ShimmyAPI
import ShimmyAccounts
import ShimmyConfiguration
import ShimmyCore
import ShimmyDaemon
import ShimmyHub
import ShimmyJSON
import ShimmyLlama
import ShimmyMetrics
import ShimmyModels
import ShimmyServer
import ShimmyService
import ShimmyStorage
import ShimmyUpstreams

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "serve", abstract: "Serve models over HTTP with an OpenAI-compatible API.")

    @OptionGroup var options: ModelOptions

    @OptionGroup var memory: MemoryOptions

    @OptionGroup var isolation: IsolationOptions

    @OptionGroup var storage: StorageOptions

    @Option(help: .setting(.host))
    var host: String?

    @Option(help: .setting(.port), transform: PortChoice.parse)
    var port: PortChoice?

    @Option(help: .setting(.ollamaPort))
    var ollamaPort: Int?

    @OptionGroup var listening: ListenOptions

    @Option(help: .setting(.model))
    var model: String?

    @Option(help: .setting(.claudeModel))
    var claudeModel: String?

    @Flag(help: .setting(.preload))
    var preload = false

    @Option(help: .setting(.apiKey))
    var apiKey: [String] = []

    @Option(help: .setting(.apiKeyFile))
    var apiKeyFile: String?

    @Flag(help: .setting(.userPulls))
    var userPulls = false

    @Option(help: .setting(.allowOrigin))
    var allowOrigin: [String] = []

    @Option(help: .setting(.allowHost))
    var allowHost: [String] = []

    @Flag(help: .setting(.insecure))
    var insecure = false

    @Option(help: .setting(.drainSeconds))
    var drainSeconds: Int?

    @Option(help: .setting(.requestSeconds))
    var requestSeconds: Int?

    /// The treatment of a request whose token limit exceeds the remaining context.
    enum OverContext: String, ExpressibleByArgument, CaseIterable { case refuse, clamp }

    @Option(help: .setting(.maxTokensOverContext))
    var maxTokensOverContext: OverContext?

    @Flag(help: .setting(.metricsAliases))
    var metricsAliases = false

    @OptionGroup var limits: LimitOptions

    @OptionGroup var accounting: AccountOptions

    @OptionGroup var tracing: TracingOptions

    @OptionGroup var page: PageOptions

    @Option(help: .setting(.maxModels))
    var maxModels: Int?

    @Option(help: .setting(.loadSilence))
    var loadSilence: Int?

    @Option(help: .setting(.modelWait))
    var modelWait: Int?

    @Option(help: .setting(.keepAlive), transform: KeepAlive.parse)
    var keepAlive: KeepAlive?

    func validate() throws {
        try OptionRanges.check(.ollamaPort, ollamaPort)
        try OptionRanges.check(.drainSeconds, drainSeconds)
        try OptionRanges.check(.requestSeconds, requestSeconds)
        try OptionRanges.check(.loadSilence, loadSilence)
        try OptionRanges.check(.modelWait, modelWait)
        try OptionRanges.check(.maxModels, maxModels)
        try OptionRanges.checkKeys()
        if apiKey.contains(where: { $0.allSatisfy(\.isWhitespace) }) {
            throw ValidationError("--api-key is empty. Give it a key, or leave the option out to use none.")
        }
    }

    func run() async throws {
        let environment = Environment.process
        let logger = options.logger(quiet: false)
        LlamaBackend.start(logger: logger)
        let prefixes = try options.prefixes(logger)
        let (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let fleet = try await startFleet(logger) { changed.yield() }
        var plain = try serverConfiguration(prefixes, environment, logger)
        plain.fleet = fleet
        let configuration = await withAccounts(plain, logger)
        try await checkKeys(configuration)
        guard await isSafe(configuration.access.rules, configuration) else {
            Console.error(
                "listening on \(configuration.exposedHost ?? configuration.host) gives other machines access to this server; create a key with "
                    + "'shimmy key create', set an --api-key, or pass --insecure to allow access without one")
            throw ExitStatus.refusedAsUnsafe
        }
        let modelName = model ?? environment.given(.model)
        await OwnModels().clean()
        let models = try modelManager(modelName, prefixes, environment, logger)
        let wantsPreload = preload || environment.flag(.preload)
        var loader = try options.loader(logger)
        loader.memoryBudget = try memory.budget
        let planner = loader
        let needsKey = await configuration.access.requiresKey()
        let store = try storage.store(logger: logger)
        // A store that cannot be opened is logged; it is opened again on first use.
        try? await store?.ready()
        configuration.metrics.takeLibraries()
        models.isPreloading = true
        let server = ShimmyServer(
            configuration: configuration, service: service(models, store, configuration, logger), hub: .standard(memory: try memory.budget),
            library: OwnModels(),
            contextLength: { planner.plannedContextLength($0, settings(for: $0)) },
            tokenizer: { try await planner.tokenizer(of: $0) }, logger: logger
        ) { address in
            if !wantsPreload, await models.modelsToPreload().isEmpty { models.isPreloading = false }
            await Banner.show(
                address, models: models, preferred: modelName, certificate: configuration.identity?.files.certificate, needsKey: needsKey
            ) {
                planner.plannedContextLength($0, settings(for: $0))
            }
            logger.info("server started", metadata: address.metadata.merging(["version": "\(BuildVersion.text)"]) { $1 })
            Self.manager?.send(.ready)
            await LiveConfiguration.logProblems(models, configuration.access, logger)
        } afterStart: {
            await loadFirst(modelName, wantsModel: wantsPreload, models, logger)
        } onOllamaFailure: { error in
            await OllamaPort.logFailure(configuration, error, logger)
        }
        try await tracing.exporting(configuration, environment, logger) {
            let following = Task { for await _ in changes { await models.rescan() } }
            defer { following.cancel() }
            try await serve(server, models, configuration, logger, drain: .seconds(drainSeconds ?? environment.integer(.drainSeconds) ?? 30))
        }
        await ConfiguredUpstreams.shared.shutdown()
        await configuration.accounts.usage?.flush()
        await store?.close()
    }

    /// Loads the models that are to be in memory from the start. A graceful shutdown cancels the loads and does not wait for them.
    /// - name: the model of `--model`.
    /// - wantsModel: whether to load that model, or the only one.
    private func loadFirst(_ name: String?, wantsModel: Bool, _ models: ModelManager, _ logger: Logger) async {
        await cancelWhenGracefulShutdown {
            if wantsModel { await preloadModel(name, models, logger) }
            await models.preloadAll()
        }
        models.isPreloading = false
    }

    /// The service manager that started this process; nil if there is none.
    private static let manager = ServiceNotifier(
        environment: ProcessConfiguration.environment, process: ProcessInfo.processInfo.processIdentifier)

    private func serverConfiguration(
        _ prefixes: PrefixDirectory?, _ environment: Environment, _ logger: Logger
    ) throws -> ServerConfiguration {
        let bind = environment.string(Settings.bindAddress).flatMap(BindAddress.init)
        if bind == nil, let text = environment.string(Settings.bindAddress) {
            throw ValidationError("\(Settings.bindAddress) is '\(text)'; it must be host:port or host:auto.")
        }
        // The socket of another server, which clients use.
        let shared = environment.given(.host).flatMap { $0.hasPrefix("unix:") ? nil : SharedHost.parse($0) }
        let port = try port ?? environment.given(.port).map(PortChoice.parse) ?? shared?.port ?? bind?.port ?? .number(11435)
        var configuration = ServerConfiguration(
            host: host ?? shared?.host ?? bind?.host ?? "127.0.0.1", port: port.number, access: try accessRules(),
            book: KeyBook(directory: environment.directories.data))
        // Clients that resolve `localhost` to an IPv6 address must reach the server too.
        if host ?? shared?.host ?? bind?.host == nil { configuration.others = [ListenAddress(host: "::1", isRequested: false)] }
        try listening.apply(to: &configuration, environment, logger)
        configuration.ollamaPort = ollamaPort ?? environment.integer(.ollamaPort)
        configuration.version = BuildVersion.text
        if let prefixes { configuration.prefixes = { prefixes.use } }
        configuration.hasMetricsAliases = metricsAliases || environment.flag(.metricsAliases)
        page.apply(to: &configuration, environment, logger)
        configuration.tracer = try tracing.tracer(configuration.metrics, environment, logger)
        try limits.apply(to: &configuration.limits, environment, logger)
        configuration.limits.returnFreedMemory = LlamaBackend.returnFreedMemory
        if let seconds = requestSeconds ?? environment.integer(.requestSeconds) { configuration.limits.requestTime = .seconds(seconds) }
        if let seconds = loadSilence ?? environment.integer(.loadSilence) { configuration.loadSilence = .seconds(max(0, seconds)) }
        return configuration
    }

    private func service(_ models: ModelManager, _ store: Store?, _ configuration: ServerConfiguration, _ logger: Logger) -> InferenceService {
        let observer = AnswerObservers([AnswerLog(), AnswerMetrics(configuration.metrics), AnswerTraces(), AnswerHistory(configuration.history)])
        let presets = ModelBook.presets(overContext: maxTokensOverContext?.rawValue)
        return InferenceService(
            models: models, presets: presets, store: store, observer: observer, logger: logger, accounts: configuration.accounts
        ) { [access = configuration.access] in access.owner(ofStorage: $0) }
    }

    /// Starts the fleet of upstream servers, and waits a moment for their models.
    private func startFleet(_ logger: Logger, onChange: @escaping @Sendable () -> Void) async throws -> UpstreamFleet {
        let settings = try ConfiguredUpstreams.read()
        let fleet = ConfiguredUpstreams.shared.start(logger: logger, onChange: onChange)
        fleet.update(settings)
        await fleet.firstChecks(within: .seconds(2))
        return fleet
    }

    private func withAccounts(_ configuration: ServerConfiguration, _ logger: Logger) async -> ServerConfiguration {
        var configuration = configuration
        configuration.accounts = await accounting.accounts(configuration.access, logger: logger)
        return configuration
    }

    /// Returns the current access rules; the configuration file may change while the server runs. Throws `ValidationError` if the key file is
    /// invalid.
    func accessRules() throws -> ServerAccess.Rules {
        let environment = Environment.process
        var keys = (apiKey.isEmpty ? environment.list(.apiKey) : apiKey).map { APIKey($0) }
        if let file = apiKeyFile ?? environment.given(.apiKeyFile) { keys += try APIKeyFile.read(file) }
        let origins = allowOrigin.isEmpty ? environment.list(.allowOrigin) : allowOrigin
        let hosts = allowHost.isEmpty ? environment.list(.allowHost) : allowHost
        return ServerAccess.Rules(
            apiKeys: keys, keys: try ConfiguredKeys.read(), usersMayPull: userPulls || environment.flag(.userPulls),
            trustsUserHeaders: accounting.trustsUserHeaders, allowedOrigins: Set(origins), allowedHosts: Set(hosts.map { $0.lowercased() }))
    }

    /// Exits if the stored keys cannot be read. A server that does not know its keys could only refuse requests.
    private func checkKeys(_ configuration: ServerConfiguration) async throws {
        do {
            _ = try await configuration.access.book?.current()
        } catch let error as KeyBookError {
            Console.error(error.description)
            throw ExitStatus.failure
        }
    }

    /// Returns whether the rules keep strangers out: the server listens only on this machine, requires a key or a
    /// certificate, or is explicitly insecure.
    func isSafe(_ rules: ServerAccess.Rules, _ configuration: ServerConfiguration) async -> Bool {
        if configuration.isLoopback || rules.hasKeys || insecure || Environment.process.flag(.insecure) { return true }
        if configuration.identity?.requiresClientCertificate == true { return true }
        return await configuration.access.hasStoredKeys()
    }

    /// Returns the current settings of a model; the configuration file may change while the server runs.
    func settings(for record: ModelRecord) -> ModelSettings {
        var settings = options.settings(for: record)
        settings.keepAlive = options.chosen(keepAlive, .keepAlive, settings.keepAlive) { KeepAlive($0) }
        isolation.apply(to: &settings, options)
        return settings
    }

    private func modelManager(
        _ name: String?, _ prefixes: PrefixDirectory?, _ environment: Environment, _ logger: Logger
    ) throws -> ModelManager {
        let file = name.flatMap { ModelCatalog.record(forFile: $0) == nil ? nil : $0 }
        if let name, file == nil { _ = try options.resolve(name) }
        var loader = try options.loader(logger)
        loader.prefixes = prefixes
        loader.memoryBudget = try memory.budget
        let (options, claudeModel, ready) = (options, claudeModel, loader)
        let isolated = IsolatedModels(loader: loader, cpuKernels: options.chosenKernels)
        return ModelManager(
            limits: try poolLimits(environment),
            logger: logger,
            scan: { options.catalog(including: file, claudeModel: claudeModel ?? Environment.process.given(.claudeModel)) },
            settings: settings(for:), estimate: { ready.estimate($0, $1) },
            terms: { ready.terms($0, $1) }, upstream: ConfiguredUpstreams.backend,
            load: { record, settings, progress in
                if settings.isolation == .process { return try await isolated.load(record, settings, progress) }
                return try await ready.load(record, settings, progress)
            })
    }

    private func poolLimits(_ environment: Environment) throws -> ModelPool<LoadedModel>.Limits {
        var limits = ModelPool<LoadedModel>.Limits(budget: try memory.budget, models: maxModels ?? environment.integer(.maxModels))
        if let seconds = modelWait ?? environment.integer(.modelWait) { limits.waitSeconds = Double(seconds) }
        return limits
    }

    private func preloadModel(_ name: String?, _ models: ModelManager, _ logger: Logger) async {
        let only = await models.list().filter(\.isUsable).onlyChoice
        guard let name = name.map(Banner.modelName) ?? only?.id else {
            logger.warning("no model preloaded; choose one with --model")
            return
        }
        await models.preload(name)
    }

    private func serve(
        _ server: ShimmyServer, _ models: ModelManager, _ configuration: ServerConfiguration, _ logger: Logger, drain: Duration
    ) async throws {
        var group = ServiceGroupConfiguration(services: [.init(service: server)], logger: logger)
        // At the deadline running answers end with an error that clients can read. The additional 5 s are the limit for clients that do not read it.
        group.maximumGracefulShutdownDuration = drain + .seconds(5)
        let services = ServiceGroup(configuration: group)
        let signals = StopSignals {
            Self.manager?.send(.stopping)
            Task { await services.triggerGracefulShutdown() }
            Task {
                try await Task.sleep(for: drain)
                await models.shutdown()
                // Answers of upstream servers end, too.
                await ConfiguredUpstreams.shared.shutdown()
            }
        }
        defer { withExtendedLifetime(signals) {} }
        let watch = ModelWatch(options: options, models: models)
        let live = LiveConfiguration(command: self, server: configuration, models: models, modelWatch: watch, logger: logger)
        let blobs = BlobStore(models: Environment.process.directories.models)
        let certificates = configuration.identity.map { TLSWatch(identity: $0, logger: logger) }
        let background = [
            Task { await watch.run() }, Task { await live.run() }, Task { await blobs.keepClean() },
            Task { if let certificates { await certificates.run() } },
            Task { [usage = configuration.accounts.usage] in if let usage { await usage.run() } },
            Task { if let manager = Self.manager { await manager.keepAlive() } },
        ]
        do {
            try await services.run()
        } catch let failure as ListenFailure {
            Console.error(failure.description)
            throw failure.isInUse ? ExitStatus.portInUse : ExitStatus.failure
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            let holder = PortHolder.describe(port: configuration.port).map { " by \($0)" } ?? ""
            Console.error("port \(configuration.port) is in use\(holder); choose another with --port, or --port auto")
            throw ExitStatus.portInUse
        } catch let error as IOError {
            let address = "\(configuration.host):\(configuration.port)"
            Console.error("cannot listen on \(address): \(String(cString: strerror(error.errnoCode))); choose another --host or --port")
            throw ExitStatus.failure
        }
        for task in background { task.cancel() }
        await models.shutdown()
    }
}
