import HTTPTypes
package import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import ServiceLifecycle
package import ShimmyChat
package import ShimmyHub
package import ShimmyModels
package import ShimmyService

/// The server as a service: it binds its addresses, answers requests and drains on shutdown.
package struct ShimmyServer: Service {
    package typealias Responder = RouterResponder<ShimmyRequestContext>

    /// The listeners at the port; nil if the server listens on its Unix socket only.
    private let listeners: PortListeners?
    private let socketListener: SocketListener?
    /// The listeners at Ollama's port; nil if the server does not listen there.
    private let ollamaListeners: PortListeners?
    private let onOllamaFailure: @Sendable (any Error) async -> Void
    /// The listeners at the sockets that the process was started with; nil if it was started without any. They replace all others.
    private let inheritedListeners: InheritedListeners?
    /// Gets an element when the server accepts connections.
    private let listening: AsyncStream<Void>
    private let afterStart: @Sendable () async -> Void
    private let service: InferenceService
    private let use: ServerUse
    private let logger: Logger

    /// The address that the server bound first.
    package enum Address: Sendable {
        case port(host: String, Int, isEncrypted: Bool)
        case socket(path: String)
    }

    /// - contextLength: returns the context length that a model would get, without loading the model.
    /// - tokenizer: returns a model's tokenizer, without loading the model.
    /// - onListening: called once, when the server accepts connections. It answers the first requests afterwards.
    /// - afterStart: runs after that, beside the requests, until it ends or the server does.
    /// - onOllamaFailure: called if the server cannot listen at Ollama's port; it then runs without that port.
    package init(
        configuration: ServerConfiguration, service: InferenceService, hub: HubAccess, library: any ModelLibrary,
        contextLength: @escaping @Sendable (ModelRecord) -> Int?,
        tokenizer: @escaping @Sendable (ModelRecord) async throws -> TokenizerFacts,
        logger: Logger,
        onListening announce: @escaping @Sendable (Address) async -> Void,
        afterStart: @escaping @Sendable () async -> Void = {},
        onOllamaFailure: @escaping @Sendable (any Error) async -> Void = { _ in }
    ) {
        self.service = service
        self.onOllamaFailure = onOllamaFailure
        self.afterStart = afterStart
        let (listening, started) = AsyncStream.makeStream(of: Void.self)
        self.listening = listening
        let onListening = { @Sendable (address: Address) async in
            await announce(address)
            started.yield()
            started.finish()
        }
        let use = ServerUse(limits: configuration.limits)
        self.use = use
        self.logger = logger
        _ = ProcessFigures.started
        let table = Self.routeTable(
            configuration: configuration, service: service, hub: hub, library: library, use: use, contextLength: contextLength,
            tokenizer: tokenizer)
        let responder = Self.router(table, configuration, use).buildResponder()
        inheritedListeners = InheritedListeners(
            configuration, responder: responder, use: use, routes: table, logger: logger, onListening: onListening)
        if inheritedListeners != nil {
            listeners = nil
            socketListener = nil
            ollamaListeners = nil
            return
        }
        let maker = { (identity: TLSIdentity?) in Self.maker(responder, use, table, configuration.proxies, identity, logger) }
        let (host, others, identity, isSocketOnly) = (configuration.host, configuration.others, configuration.identity, configuration.isSocketOnly)
        socketListener = configuration.socket.map { path in
            SocketListener(path: path, logger: logger, maker: maker(nil)) {
                logger.info("listening on socket", metadata: ["path": "\(path)"])
                if isSocketOnly { await onListening(.socket(path: path)) }
            }
        }
        let ports = maker(identity)
        listeners =
            isSocketOnly
            ? nil
            : PortListeners(host, and: others, port: configuration.port, needsAll: true, logger: logger, maker: ports) { port in
                await onListening(.port(host: host, port, isEncrypted: identity != nil))
            }
        let ollamaPort = configuration.ollamaPort.flatMap { $0 == configuration.port || isSocketOnly ? nil : $0 }
        // An address with a port of its own has this port only once.
        let hosts = others.filter { $0.port == nil }
        ollamaListeners = ollamaPort.map { port in
            PortListeners(host, and: hosts, port: port, needsAll: false, logger: logger, maker: ports) { port in
                logger.info("listening on Ollama's port", metadata: ["port": .stringConvertible(port)])
            }
        }
    }

    /// Returns a function that makes listeners.
    /// - identity: the certificate of the listeners; nil for connections without encryption.
    private static func maker(
        _ responder: Responder, _ use: ServerUse, _ table: RouteTable, _ proxies: TrustedProxies, _ identity: TLSIdentity?, _ logger: Logger
    ) -> PortListeners.Maker {
        { address, onRunning in
            Application(
                responder: responder,
                server: HTTPServerBuilder { responder in
                    let connections = ConnectionChannel(responder: responder, use: use, routes: table, proxies: proxies)
                    guard let identity else { return connections }
                    return EncryptedChannel(connections, identity: identity)
                },
                configuration: ApplicationConfiguration(address: address, backlog: 1024, reuseAddress: true),
                onServerRunning: { channel in
                    try? await channel.eventLoop.submit {
                        try channel.pipeline.syncOperations.addHandler(AcceptErrors(logger: logger), position: .first)
                    }.get()
                    await onRunning(channel.localAddress?.port)
                },
                logger: logger)
        }
    }

    package func run() async throws {
        await service.background?.resume()
        let end: Result<Void, any Error>
        do {
            try await withGracefulShutdownHandler {
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask { for await _ in listening { await afterStart() } }
                    try await listen()
                    group.cancelAll()
                }
            } onGracefulShutdown: { [service, use, logger] in
                use.beginDraining()
                logger.notice("server drains", metadata: ["requests": .stringConvertible(use.numbers.requests)])
                service.background?.holdBack()
            }
            end = .success(())
        } catch {
            end = .failure(error)
        }
        // At this point every waiting client has its answer or has reached its time limit.
        await service.background?.stop()
        try end.get()
    }

    /// Accepts connections until the server has shut down gracefully.
    private func listen() async throws {
        if let inheritedListeners { return try await inheritedListeners.run() }
        guard let listeners else {
            try await socketListener?.run()
            return
        }
        try await listeners.run { [ollamaListeners, onOllamaFailure, socketListener] in
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    do {
                        try await ollamaListeners?.run()
                    } catch {
                        await onOllamaFailure(error)
                    }
                }
                if let socketListener { group.addTask { try await socketListener.run() } }
            }
        }
    }

    /// Returns all routes of the server. A test also compares them with the compatibility matrix.
    package static func routeTable(
        configuration: ServerConfiguration, service: InferenceService, hub: HubAccess, library: any ModelLibrary, use: ServerUse? = nil,
        contextLength: @escaping @Sendable (ModelRecord) -> Int?, tokenizer: @escaping @Sendable (ModelRecord) async throws -> TokenizerFacts
    ) -> RouteTable {
        let use = use ?? ServerUse(limits: configuration.limits)
        let (models, store) = (service.models, service.store)
        let body = RequestReader(use: use)
        let responder = AnswerResponder(service: service, heartbeat: configuration.heartbeat, silence: configuration.loadSilence)
        let reader = PresetReader(body: body, service: service)
        let tokenizers = TokenizerLookup(models: models, plannedContext: contextLength, read: tokenizer)
        let ollamaModels = OllamaModelRoutes(
            service: service, library: library, hub: hub, body: body.ofAnyType, heartbeat: configuration.heartbeat,
            version: configuration.version, contextLength: contextLength, tokenizer: tokenizer)
        let blobs = BlobStore(models: hub.directory)
        let ollamaChanges = OllamaChangeRoutes(models: models, library: library, blobs: blobs, body: body.ofAnyType)
        let engine = EngineRoutes(service: service, use: use, access: configuration.access, blobs: blobs, prefixes: configuration.prefixes)
        let usage = UsageRoutes(usage: configuration.accounts.usage)
        let page = configuration.hasPage ? EmbeddedPage.own : nil
        let groups: [[Route]] = [
            HealthRoutes(models: models, use: use, ollamaPort: configuration.ollamaPort, page: page).routes,
            PageRoutes(page: page).routes,
            engine.routes,
            HistoryRoutes(history: configuration.history).routes,
            LiveRoutes(engine: engine, history: configuration.history, fleet: configuration.fleet).routes,
            MetricsRoutes(
                models: models, use: use, store: store, registry: configuration.metrics, hasAliases: configuration.hasMetricsAliases,
                version: configuration.version, fleet: configuration.fleet
            ).routes,
            UpstreamRoutes(fleet: configuration.fleet).routes,
            ModelRoutes(service: service, contextLength: contextLength, body: body).routes,
            PullRoutes(models: models, hub: hub, body: body, heartbeat: configuration.heartbeat).routes,
            ChatRoutes(service: service, reader: reader, responder: responder).routes,
            StoredChatRoutes(store: store, body: body).routes,
            ConversationRoutes(store: store, body: body).routes,
            ResponseRoutes(service: service, reader: reader, responder: responder).routes,
            ResponseSocketRoutes(
                service: service, reader: reader, access: configuration.access, heartbeat: configuration.heartbeat
            ).routes,
            StoredResponseRoutes(service: service, responder: responder).routes,
            ResponseToolRoutes(service: service, reader: reader).routes,
            EmbeddingRoutes(service: service, body: body).routes,
            DecisionRoutes(service: service, body: body).routes,
            configuration.takesOwners ? EngineDecisionRoutes(service: service, body: body).routes : [],
            MediaRoutes(service: service, body: body).routes,
            MessageRoutes(service: service, reader: reader, responder: responder).routes,
            OllamaAnswerRoutes(service: service, body: body, responder: responder, contextLength: contextLength).routes,
            ollamaModels.routes,
            ollamaChanges.routes,
            LlamaServerRoutes(
                service: service, body: body, responder: responder, version: configuration.version, tokenizers: tokenizers
            ).routes,
            LMStudioRoutes(service: service, body: body, contextLength: contextLength).routes,
            AdapterRoutes(models: models).routes,
            KeyRoutes(access: configuration.access, body: body).routes,
            usage.routes,
            OwnKeyRoutes(quotas: configuration.accounts.quotas, usage: usage).routes,
            DownloadRoutes(hub: hub, models: models).routes,
            PromptRoutes(service: service, body: body, reader: reader, tokenizers: tokenizers).routes,
        ]
        return RouteTable(routes: Array(groups.joined())).documented(version: configuration.version)
    }

    /// Returns the routes and middlewares as an application, for tests in process.
    package static func application(
        configuration: ServerConfiguration, service: InferenceService, hub: HubAccess, library: any ModelLibrary,
        contextLength: @escaping @Sendable (ModelRecord) -> Int?, tokenizer: @escaping @Sendable (ModelRecord) async throws -> TokenizerFacts,
        logger: Logger
    ) -> Application<Responder> {
        let use = ServerUse(limits: configuration.limits)
        let table = routeTable(
            configuration: configuration, service: service, hub: hub, library: library, use: use, contextLength: contextLength,
            tokenizer: tokenizer)
        return Application(responder: router(table, configuration, use).buildResponder(), logger: logger)
    }

    /// Returns the router with its middleware. The order matters: request ids for everything, then the client behind a proxy, the log and the metrics
    /// of requests, errors as objects, the Host check, requests about HTTP itself, CORS, the load limit and API keys. Errors are mapped again inside
    /// CORS, so that a web page can read them.
    static func router(
        _ table: RouteTable, _ configuration: ServerConfiguration, _ use: ServerUse
    ) -> Router<ShimmyRequestContext> {
        let router = Router(context: ShimmyRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestIDMiddleware(routes: table))
        router.add(middleware: ClientMiddleware(proxies: configuration.proxies))
        router.add(
            middleware: RequestMiddleware(
                routes: table, metrics: configuration.metrics, tracer: configuration.tracer, history: configuration.history))
        router.add(middleware: ErrorMiddleware(routes: table))
        router.add(middleware: HostMiddleware(configuration: configuration, routes: table))
        router.add(middleware: ProtocolMiddleware(routes: table, headerFields: use.limits.headerFields))
        router.add(middleware: LoopbackCORSMiddleware(access: configuration.access, routes: table))
        router.add(middleware: AccountMiddleware(access: configuration.access, accounts: configuration.accounts, routes: table))
        router.add(middleware: ErrorMiddleware(routes: table))
        router.add(middleware: LoadMiddleware(use: use, routes: table))
        router.add(middleware: CompressionMiddleware())
        router.add(
            middleware: KeyMiddleware(
                access: configuration.access, routes: table, wrongKeys: use.wrongKeys, takesOwners: configuration.takesOwners))
        table.register(on: router)
        return router
    }
}

extension ShimmyServer: CustomStringConvertible {
    /// The name in the debug log, which quotes services.
    package var description: String { "Shimmy" }
}
