import ShimmyAPI
package import ShimmyChat
import ShimmyJSON
package import ShimmyModels

extension ModelManager {
    /// Returns a loaded model, for requests that only inspect it. Throws a 409 if the model is not loaded.
    package func loaded(_ name: String?) async throws -> (name: String, backend: Backend) {
        let name = try await meant(by: name)
        guard let backend = loadedBackend(try await findUsable(name)) else { throw APIError.modelNotLoaded(name) }
        return (name, backend)
    }

    /// Returns `name`; if it is nil, returns the only loaded model or else the only installed one, because programs written for single-model
    /// servers name none. Throws a 400 if `name` is nil and neither exists.
    package func meant(by name: String?) async throws -> String {
        if let name { return name }
        guard let only = await onlyModel() else { throw APIError.missing(.key("model")) }
        return only
    }
}
