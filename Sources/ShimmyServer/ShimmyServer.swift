import HTTPTypes
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import ServiceLifecycle
package import ShimmyHub
package import ShimmyModels
package import ShimmyStorage

/// The server as a service: binds, answers, drains when it is told to stop.
package struct ShimmyServer: Service {
    private let application: Application<RouterResponder<ShimmyRequestContext>>
    /// Nil where nothing may be stored.
    private let background: BackgroundResponses?

    /// The address that was bound.
    package struct Address: Sendable {
        package let host: String
        package let port: Int
    }

    /// - store: where objects are kept; nil where none may be.
    /// - contextLength: the context that a model would get, told without loading it.
    /// - onListening: called once, when connections are accepted.
    package init(
        configuration: ServerConfiguration, models: ModelManager, hub: HubAccess, store: Store?,
        contextLength: @escaping @Sendable (ModelRecord) -> Int?,
        logger: Logger,
        onListening: @escaping @Sendable (Address) async -> Void
    ) {
        background = store.map {
            BackgroundResponses(
                store: $0, maker: ResponseMaker(models: models, presets: configuration.presets), access: configuration.access, logger: logger)
        }
        let table = Self.routeTable(
            configuration: configuration, models: models, hub: hub, store: store, background: background, contextLength: contextLength)
        let limits = configuration.limits
        var http = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ParserErrorHandler(), ExpectContinueHandler(bodyLimit: limits.bodyBytes), DisconnectMonitor()],
            idleTimeout: .nanoseconds(Int64(limits.requestTime / .nanoseconds(1))))
        http.httpDecoder = .init(
            maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes, maxHeaderFieldCount: limits.headerFields)
        application = Application(
            responder: Self.router(table, configuration).buildResponder(),
            server: .http1(configuration: http),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), backlog: 1024, reuseAddress: true),
            onServerRunning: { channel in
                await onListening(Address(host: configuration.host, port: channel.localAddress?.port ?? configuration.port))
            },
            logger: logger)
    }

    package func run() async throws {
        await background?.resume()
        let end: Result<Void, any Error>
        do {
            try await withGracefulShutdownHandler {
                try await application.run()
            } onGracefulShutdown: { [background] in
                background?.holdBack()
            }
            end = .success(())
        } catch {
            end = .failure(error)
        }
        // Whoever waited for an answer has it, or has waited for as long as one may.
        await background?.stop()
        try end.get()
    }

    /// Every route of the server. Also asked by the test that holds the compatibility matrix against them.
    package static func routeTable(
        configuration: ServerConfiguration, models: ModelManager, hub: HubAccess, store: Store?, background: BackgroundResponses? = nil,
        contextLength: @escaping @Sendable (ModelRecord) -> Int?
    ) -> RouteTable {
        let body = JSONBodyReader(limits: configuration.limits)
        let streams = ResponseStreams(heartbeat: configuration.heartbeat)
        let responder = AnswerResponder(models: models, heartbeat: configuration.heartbeat, silence: configuration.loadSilence)
        let reader = PresetReader(body: body, models: models, presets: configuration.presets)
        return RouteTable(
            routes: HealthRoutes(models: models).routes
                + EngineRoutes(models: models).routes
                + ModelRoutes(models: models, contextLength: contextLength, body: body).routes
                + PullRoutes(models: models, hub: hub, body: body, heartbeat: configuration.heartbeat).routes
                + ChatRoutes(models: models, reader: reader, responder: responder, store: store).routes
                + StoredChatRoutes(store: store, body: body).routes
                + ConversationRoutes(store: store, body: body).routes
                + ResponseRoutes(
                    models: models, reader: reader, store: store, background: background, streams: streams, silence: configuration.loadSilence
                ).routes
                + StoredResponseRoutes(store: store, background: background, streams: streams).routes
                + ResponseToolRoutes(models: models, body: body, store: store).routes
                + EmbeddingRoutes(models: models, body: body).routes
                + AdapterRoutes(models: models).routes
                + PromptRoutes(models: models, body: body, reader: reader).routes)
    }

    /// The order is the meaning: ids for everything, then errors as objects, then who may ask at all, then who may read answers,
    /// then keys. Errors are mapped once more inside CORS, so that a web page can read them.
    static func router(_ table: RouteTable, _ configuration: ServerConfiguration) -> Router<ShimmyRequestContext> {
        let router = Router(context: ShimmyRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestIDMiddleware())
        router.add(middleware: ErrorMiddleware(routes: table))
        router.add(middleware: HostMiddleware(configuration: configuration))
        router.add(middleware: LoopbackCORSMiddleware(access: configuration.access, routes: table))
        router.add(middleware: ErrorMiddleware(routes: table))
        router.add(middleware: KeyMiddleware(access: configuration.access))
        table.register(on: router)
        return router
    }
}
