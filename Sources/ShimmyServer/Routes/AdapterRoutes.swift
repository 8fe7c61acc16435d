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
        let backend = try await models.loaded(request.query.string("model")).backend
        return .json(AdapterEncoder.list(backend.adapters))
    }
}

extension ModelManager {
    /// A model that is loaded, for requests that only look at it. Throws a 409 for one that is not.
    func loaded(_ name: String?) async throws -> (name: String, backend: any Backend) {
        let name = try await meant(by: name)
        guard let backend = loadedBackend(try await findUsable(name)) else { throw APIError.modelNotLoaded(name) }
        return (name, backend)
    }

    /// Programs that were made for servers of one model name none.
    func meant(by name: String?) async throws -> String {
        if let name { return name }
        guard let only = await onlyModel() else { throw APIError.missing(.key("model")) }
        return only
    }
}
