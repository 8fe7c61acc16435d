import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOHTTP1
import ShimmyAPI
import ShimmyModels
import ShimmyService

/// Turns every thrown error into an error object of the API that the request belongs to. Only this middleware maps errors to statuses.
struct ErrorMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let routes: RouteTable

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            return unmatched(request, context)
        } catch let error as HTTPParserError {
            throw error  // the request was cut off, so there is no client to answer
        } catch {
            let mapped = (error as? HTTPError).flatMap(APIError.init) ?? APIError(any: error)
            if mapped == .cancelled { context.life?.noteDisconnect() }
            if mapped.status >= 500, mapped.status != 501, !(error is CancellationError) {
                context.logger.error("request failed", metadata: ["error": "\(error)"])
            }
            var response = respond(with: mapped, to: request, context)
            // Reading the remaining bytes of a refused body is not worthwhile.
            if [408, 413, 426].contains(mapped.status) || mapped.code == "server_busy" { response.headers[.connection] = "close" }
            if mapped.status == 426 { Self.name(mapped.code == "websocket_not_supported" ? nil : WebSocketHandshake.version, in: &response) }
            return response
        }
    }

    /// Names the protocol that a request has to use.
    /// - version: the version of WebSocket; nil for HTTP without an upgrade.
    private static func name(_ version: String?, in response: inout Response) {
        response.headers[.upgrade] = version == nil ? "HTTP/1.1" : "websocket"
        response.headers[.secWebSocketVersion] = version
    }

    private func respond(with error: APIError, to request: Request, _ context: ShimmyRequestContext) -> Response {
        // An error for a client that is gone is not the end of its request.
        if error != .cancelled { context.life?.note(error) }
        return .error(error, in: routes.api(of: request.head), requestID: context.requestID)
    }

    /// Returns the error for a request that matches no route: the path is unknown or the method is wrong.
    private func unmatched(_ request: Request, _ context: ShimmyRequestContext) -> Response {
        let allowed = routes.methods(forPath: request.uri.path)
        if allowed.isEmpty {
            let nearest = routes.nearest(to: request.uri.path)
            let target = request.method == .connect ? request.head.authority ?? "" : request.uri.path
            return respond(with: .unknownRoute(request.method.rawValue, target, nearest: nearest), to: request, context)
        }
        var response = respond(with: .wrongMethod(request.method.rawValue, allowed: allowed), to: request, context)
        response.headers[.allow] = allowed.joined(separator: ", ")
        return response
    }
}

extension APIError {
    /// Maps an error of the framework; nil if it is not the client's mistake.
    fileprivate init?(_ error: HTTPError) {
        guard error.status.code < 500 else { return nil }
        self.init(status: error.status.code, message: error.body ?? "Bad request.")
    }
}
