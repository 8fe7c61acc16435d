import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// `GET /lora-adapters`, an API of Shimmy under llama-server's path: the adapters that requests to a model may use. There is no POST,
/// because scales belong to a request, not to the server.
struct AdapterRoutes: Sendable {
    let models: ModelManager

    var routes: [Route] {
        [Route(own: .get, "/lora-adapters", .read, handler: list)]
    }

    @Sendable private func list(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let backend = try await models.loaded(request.query.string("model")).backend
        return .json(AdapterEncoder.list(backend.engine.adapters))
    }
}
