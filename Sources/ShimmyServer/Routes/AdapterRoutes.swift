import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyModels

/// `GET /lora-adapters`, Shimmy's own under llama-server's name: the adapters that requests to a model may ask for.
/// There is no POST: scales are a request's own, not the server's.
struct AdapterRoutes: Sendable {
    let models: ModelManager

    var routes: [Route] {
        ["/lora-adapters", "/v1/lora-adapters"].map { Route(path: $0, method: .get, isOpenAI: false, handler: list) }
    }

    @Sendable private func list(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let lease = try await context.acquire(try await models.meant(by: request.uri.queryParameters["model"].map(String.init)), from: models)
        return .json(AdapterEncoder.list(lease.backend.adapters))
    }
}

extension ModelManager {
    /// Programs that were made for servers of one model name none.
    func meant(by name: String?) async throws -> String {
        if let name { return name }
        guard let only = await onlyModel() else { throw APIError.missing(.key("model")) }
        return only
    }
}
