import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOHTTP1
import ShimmyAPI
import ShimmyModels

/// Turns everything that is thrown into OpenAI's error object; the one place that maps errors to statuses.
struct ErrorMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    let routes: RouteTable

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            return unmatched(request)
        } catch let error as HTTPParserError {
            throw error  // the request was cut in the middle: there is nobody to answer
        } catch {
            let mapped = APIError(any: error)
            if mapped.status >= 500, !(error is CancellationError) { context.logger.error("request failed", metadata: ["error": "\(error)"]) }
            var response = Response.error(mapped)
            // What is left of a refused body is not worth reading.
            if mapped.status == 413 || mapped.status == 408 { response.headers[.connection] = "close" }
            return response
        }
    }

    /// No route took the request: the path is unknown or the method is wrong.
    private func unmatched(_ request: Request) -> Response {
        let allowed = routes.methods(forPath: request.uri.path)
        if allowed.isEmpty {
            return .error(.unknownRoute(request.method.rawValue, request.uri.path, known: routes.descriptions))
        }
        var response = Response.error(.wrongMethod(request.method.rawValue, allowed: allowed))
        response.headers[.allow] = allowed.joined(separator: ", ")
        return response
    }
}
