package import ShimmyAPI
import ShimmyChat
package import ShimmyJSON
package import ShimmyModels

extension InferenceService {
    /// Returns the preset of a model; an empty one for an unknown model, whose error the service reports later.
    /// - needsModel: false if a request without a model refers to the only one.
    /// - fallbacks: returns the fields of a chat request for a model's requests, where neither the client nor the preset sets them.
    package func preset(
        _ model: String?, needsModel: Bool = true, fallbacks: @Sendable (ModelRecord) -> JSONObject = { _ in [:] }
    ) async -> RequestPreset {
        var name = model
        if name == nil, !needsModel { name = await models.onlyModel() }
        guard let name, let record = try? await models.find(name) else { return .none }
        var preset = presets(record)
        preset.media = record.upstream?.media ?? []
        for (field, value) in preset.adding(recommended: fallbacks(record)) { preset.defaults[field] = value }
        return preset
    }
}

extension RequestPreset {
    /// Decodes a request with the preset's fields applied.
    /// - endpoint: the endpoint whose fields the request has.
    package func reading<Value: Sendable>(
        _ request: JSON, of endpoint: EndpointRow, decode: (JSON) throws -> Value
    ) rethrows -> PresetRequest<Value> {
        let applied = applied(to: request, of: endpoint)
        return PresetRequest(value: try decode(applied.request), preset: self, forced: applied.replaced)
    }
}
