import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOExtras
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import ShimmyCore
import ShimmyHTTP

/// The listeners at sockets that the process was started with. They replace all other addresses. Hummingbird's own server binds every socket itself,
/// so this type accepts the connections and passes them to the same handlers.
struct InheritedListeners: Sendable {
    private let sockets: [InheritedSocket]
    private let connections: ConnectionChannel
    /// The certificate of the sockets that are not Unix sockets; nil for connections without encryption.
    private let identity: TLSIdentity?
    private let logger: Logger
    private let onListening: @Sendable () async -> Void

    private static let group = MultiThreadedEventLoopGroup.singleton
    private static let backlog: Int32 = 1024

    /// Returns nil if the process was started without sockets.
    /// - onListening: called once with the first address, before the first request is answered.
    init?(
        _ configuration: ServerConfiguration, responder: ShimmyServer.Responder, use: ServerUse, routes: RouteTable, logger: Logger,
        onListening: @escaping @Sendable (ShimmyServer.Address) async -> Void
    ) {
        guard let first = configuration.inherited.first else { return nil }
        sockets = configuration.inherited
        let identity = configuration.identity
        self.identity = identity
        self.logger = logger
        self.onListening = {
            switch first.place {
            case .port(let host, let port): await onListening(.port(host: host, port, isEncrypted: identity != nil))
            case .socket(let path): await onListening(.socket(path: path))
            }
        }
        connections = ConnectionChannel(
            responder: Self.respond(responder, logger), use: use, routes: routes, proxies: configuration.proxies)
    }

    /// Accepts connections until the server has shut down gracefully. The sockets are bound and stay open in the service manager.
    func run() async throws {
        // Clients can connect already; their connections wait in the sockets.
        await onListening()
        try await withThrowingDiscardingTaskGroup { group in
            for socket in sockets {
                group.addTask {
                    if socket.host != nil, let identity {
                        try await serve(socket, EncryptedChannel(connections, identity: identity))
                    } else {
                        try await serve(socket, connections)
                    }
                }
            }
        }
    }

    private func serve<Child: ServerChildChannel>(_ socket: InheritedSocket, _ child: Child) async throws {
        let quiescing = ServerQuiescingHelper(group: Self.group)
        let channel = try await ServerBootstrap(group: Self.group)
            .serverChannelOption(ChannelOptions.backlog, value: Self.backlog)
            .serverChannelInitializer { [logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(AcceptErrors(logger: logger))
                    try pipeline.addHandler(quiescing.makeServerChannelHandler(channel: channel))
                }
            }
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .bind(socket.descriptor) { [logger] channel in child.setup(channel: channel, logger: logger) }
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { [logger] group in
                do {
                    try await channel.executeThenClose { inbound in
                        for try await connection in inbound { group.addTask { await child.handle(value: connection, logger: logger) } }
                    }
                } catch {
                    logger.error("listener ended", metadata: ["error": "\(error)"])
                }
            }
        } onGracefulShutdown: {
            quiescing.initiateShutdown(promise: nil)
        }
    }

    /// Returns the function that handles a request of a connection, as Hummingbird's application does.
    private static func respond(_ responder: ShimmyServer.Responder, _ logger: Logger) -> HTTPChannelHandler.Responder {
        { (request, writer: consuming ResponseWriter, channel) in
            var response: Response
            do {
                response = try await responder.respond(
                    to: request, context: ShimmyRequestContext(source: ApplicationRequestContextSource(channel: channel, logger: logger)))
            } catch let error as HTTPParserError {
                throw error
            } catch {
                response = Response(status: .internalServerError)
            }
            response.headers[.date] = HTTPDate.text(UnixTime.now)
            do {
                try await writer.write(response: response.head, body: response.body)
            } catch is HTTPParserError {
                // The connection would answer this error with a second response.
                throw IOError.disconnected
            }
        }
    }
}
