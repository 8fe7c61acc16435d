import HTTPTypes
import Hummingbird
import NIOCore
import ShimmyAPI
import ShimmyService

/// `GET /v1/responses`: a WebSocket over which a client requests responses.
struct ResponseSocketRoutes: Sendable {
    let service: InferenceService
    let reader: PresetReader
    let access: ServerAccess
    /// The interval of pings while the client waits for events.
    let heartbeat: Duration

    var routes: [Route] { [Route(.get, "/responses", .socket, handler: connect)] }

    /// Returns when the connection is closed, so that its middlewares and its task last as long as the WebSocket. The response is not sent.
    @Sendable private func connect(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        guard WebSocketHandshake.isUpgrade(request.headers) else { throw APIError.webSocketRequired }
        let response = WebSocketHandshake.response(accept: try WebSocketHandshake.accept(request.headers), requestID: context.requestID)
        let session = ResponseSocket(service: service, reader: reader, access: access, context: context)
        let settings = WebSocketHandler.Settings(use: reader.body.use, heartbeat: heartbeat) { session.isBusy }
        let socket = try await WebSocket.open(on: context.channel, settings, response: response)
        await session.run(on: socket)
        return Response(status: .switchingProtocols)
    }
}
