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

    /// Returns `name`; if it is nil or blank, returns the only loaded model with a role, or else the only usable one on the disk. Returns nil if
    /// neither exists.
    package func model(named name: String?, for role: ModelRole) async -> String? {
        if let name, !name.allSatisfy(\.isWhitespace) { return name }
        let all = await list()
        let loaded = loaded.filter { model in
            model.backend.roles.contains(role) && (ModelAccess.current == nil || all.contains { $0.id == model.id })
        }
        if loaded.count == 1 { return loaded[0].id }
        return all.filter { $0.isLoadable && $0.roles.contains(role) }.onlyChoice?.id
    }

    /// Returns `name`; if it is nil, returns the only loaded model or else the only installed one, because programs written for single-model
    /// servers name none. Throws a 400 if `name` is nil and neither exists.
    package func meant(by name: String?) async throws -> String {
        if let name { return name }
        guard let only = await onlyModel() else { throw APIError.missing(.key("model")) }
        return only
    }
}
