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
    private typealias Listener = Application<Responder>

    private let listener: Listener
    /// Makes the listeners at the other addresses, once the port is known.
    private let others: @Sendable (_ port: Int) -> [Listener]
    /// The port that the first listener bound.
    private let ports: AsyncStream<Int>
    private let logger: Logger
    private let service: InferenceService

    /// An address that the server bound.
    package struct Address: Sendable {
        package let host: String
        package let port: Int
    }

    /// - contextLength: returns the context length that a model would get, without loading the model.
    /// - tokenizer: returns a model's tokenizer, without loading the model.
    /// - onListening: called once, when the server accepts connections.
    package init(
        configuration: ServerConfiguration, service: InferenceService, hub: HubAccess,
        contextLength: @escaping @Sendable (ModelRecord) -> Int?,
        tokenizer: @escaping @Sendable (ModelRecord) async throws -> TokenizerFacts,
        logger: Logger,
        onListening: @escaping @Sendable (Address) async -> Void
    ) {
        self.service = service
        let use = ServerUse(limits: configuration.limits)
        let table = Self.routeTable(
            configuration: configuration, service: service, hub: hub, use: use, contextLength: contextLength, tokenizer: tokenizer)
        let responder = Self.router(table, configuration, use).buildResponder()
        let listener = { @Sendable (host: String, port: Int, onRunning: @escaping @Sendable (Int) async -> Void) in
            Application(
                responder: responder, server: HTTPServerBuilder { ConnectionChannel(responder: $0, use: use) },
                configuration: ApplicationConfiguration(address: .hostname(host, port: port), backlog: 1024, reuseAddress: true),
                onServerRunning: { channel in
                    try? await channel.eventLoop.submit {
                        try channel.pipeline.syncOperations.addHandler(AcceptErrors(logger: logger), position: .first)
                    }.get()
                    await onRunning(channel.localAddress?.port ?? port)
                },
                logger: logger)
        }
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        self.ports = ports
        self.logger = logger
        self.listener = listener(configuration.host, configuration.port) { bound in
            port.yield(bound)
            port.finish()
            await onListening(Address(host: configuration.host, port: bound))
        }
        others = { port in configuration.otherHosts.map { listener($0, port) { _ in } } }
    }

    package func run() async throws {
        await service.background?.resume()
        let end: Result<Void, any Error>
        do {
            try await withGracefulShutdownHandler {
                try await listen()
            } onGracefulShutdown: { [service] in
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

    /// Accepts connections until the server has shut down gracefully. An address other than the first is skipped if it cannot be bound.
    private func listen() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [listener] in try await listener.run() }
            group.addTask { [ports, others, logger] in
                for await port in ports {
                    await withDiscardingTaskGroup { group in
                        for other in others(port) {
                            group.addTask {
                                do {
                                    try await other.run()
                                } catch {
                                    logger.info(
                                        "cannot listen on address", metadata: ["address": "\(other.configuration.address)", "error": "\(error)"])
                                }
                            }
                        }
                    }
                }
            }
            // If the first listener fails, its error ends the wait of the others for its port, and the server does not run.
            for try await _ in group {}
        }
    }

    /// Returns all routes of the server. A test also compares them with the compatibility matrix.
    package static func routeTable(
        configuration: ServerConfiguration, service: InferenceService, hub: HubAccess, use: ServerUse? = nil,
        contextLength: @escaping @Sendable (ModelRecord) -> Int?, tokenizer: @escaping @Sendable (ModelRecord) async throws -> TokenizerFacts
    ) -> RouteTable {
        let use = use ?? ServerUse(limits: configuration.limits)
        let (models, store) = (service.models, service.store)
        let body = RequestReader(use: use)
        let responder = AnswerResponder(service: service, heartbeat: configuration.heartbeat, silence: configuration.loadSilence)
        let reader = PresetReader(body: body, service: service)
        return RouteTable(
            routes: HealthRoutes(models: models).routes
                + EngineRoutes(models: models, use: use, store: store).routes
                + ModelRoutes(service: service, contextLength: contextLength, body: body).routes
                + PullRoutes(models: models, hub: hub, body: body, heartbeat: configuration.heartbeat).routes
                + ChatRoutes(service: service, reader: reader, responder: responder).routes
                + StoredChatRoutes(store: store, body: body).routes
                + ConversationRoutes(store: store, body: body).routes
                + ResponseRoutes(service: service, reader: reader, responder: responder).routes
                + StoredResponseRoutes(service: service, responder: responder).routes
                + ResponseToolRoutes(service: service, reader: reader).routes
                + EmbeddingRoutes(service: service, body: body).routes
                + AdapterRoutes(models: models).routes
                + PromptRoutes(service: service, body: body, reader: reader, contextLength: contextLength, tokenizer: tokenizer).routes)
    }

    /// Returns the routes and middlewares as an application, for tests in process.
    package static func application(
        configuration: ServerConfiguration, service: InferenceService, hub: HubAccess, contextLength: @escaping @Sendable (ModelRecord) -> Int?,
        tokenizer: @escaping @Sendable (ModelRecord) async throws -> TokenizerFacts, logger: Logger
    ) -> Application<Responder> {
        let use = ServerUse(limits: configuration.limits)
        let table = routeTable(
            configuration: configuration, service: service, hub: hub, use: use, contextLength: contextLength, tokenizer: tokenizer)
        return Application(responder: router(table, configuration, use).buildResponder(), logger: logger)
    }

    /// Returns the router with its middleware. The order matters: request ids for everything, then errors as objects, the Host check, requests
    /// about HTTP itself, CORS, the load limit and API keys. Errors are mapped again inside CORS, so that a web page can read them.
    static func router(
        _ table: RouteTable, _ configuration: ServerConfiguration, _ use: ServerUse
    ) -> Router<ShimmyRequestContext> {
        let router = Router(context: ShimmyRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestIDMiddleware())
        router.add(middleware: ErrorMiddleware(routes: table))
        router.add(middleware: HostMiddleware(configuration: configuration, routes: table))
        router.add(middleware: ProtocolMiddleware(routes: table))
        router.add(middleware: LoopbackCORSMiddleware(access: configuration.access, routes: table))
        router.add(middleware: ErrorMiddleware(routes: table))
        router.add(middleware: LoadMiddleware(use: use, routes: table))
        router.add(middleware: KeyMiddleware(access: configuration.access, routes: table))
        table.register(on: router)
        return router
    }
}
