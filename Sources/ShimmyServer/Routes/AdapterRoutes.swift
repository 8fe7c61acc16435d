import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyModels

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

extension ModelManager {
    /// Returns a loaded model, for requests that only inspect it. Throws a 409 if the model is not loaded.
    func loaded(_ name: String?) async throws -> (name: String, backend: Backend) {
        let name = try await meant(by: name)
        guard let backend = loadedBackend(try await findUsable(name)) else { throw APIError.modelNotLoaded(name) }
        return (name, backend)
    }

    /// Returns `name`; if it is nil, returns the only loaded model or else the only installed one, because programs written for single-model
    /// servers name none. Throws a 400 if `name` is nil and neither exists.
    func meant(by name: String?) async throws -> String {
        if let name { return name }
        guard let only = await onlyModel() else { throw APIError.missing(.key("model")) }
        return only
    }
}
