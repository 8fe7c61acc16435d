import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import ShimmyAPI

/// Gives every response an `x-request-id`, which official clients show in their errors, and the log the same id.
struct RequestIDMiddleware: RouterMiddleware {
    typealias Context = ShimmyRequestContext

    func handle(_ request: Request, context: Context, next: Next) async throws -> Response {
        let id = "req_" + RandomID.make()
        var context = context
        context.logger[metadataKey: "hb.request.id"] = nil
        context.logger[metadataKey: "request"] = "\(id)"
        var response = try await next(request, context)
        response.headers[.requestID] = id
        return response
    }
}
