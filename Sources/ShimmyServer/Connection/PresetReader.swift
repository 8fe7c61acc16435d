import Hummingbird
import ShimmyAPI
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// Reads requests and applies the preset of their model. Every route that renders a prompt reads its requests through it.
struct PresetReader: Sendable {
    let body: RequestReader
    let service: InferenceService

    /// Reads a request. A request without a model, or with an unknown one, is decoded unchanged; the decoder then reports the error.
    /// - needsModel: false if a request without a model refers to the only one.
    func read<Value: Sendable>(
        _ request: Request, _ context: ShimmyRequestContext, for endpoint: EndpointRow, needsModel: Bool = true,
        decode: @escaping @Sendable (JSON) throws -> Value
    ) async throws -> PresetRequest<Value> {
        try await self.decode(try await body.parse(request, context), context, for: endpoint, needsModel: needsModel, decode)
    }

    /// Decodes a parsed request as `read` does.
    func decode<Value: Sendable>(
        _ parsed: RequestReader.Parsed, _ context: ShimmyRequestContext, for endpoint: EndpointRow, needsModel: Bool = true,
        _ decode: @escaping @Sendable (JSON) throws -> Value
    ) async throws -> PresetRequest<Value> {
        let preset = await preset(parsed.model, needsModel: needsModel)
        return try await body.finish(parsed, context) { json in
            let applied = preset.applied(to: json, of: endpoint)
            return PresetRequest(value: try decode(applied.request), preset: preset, forced: applied.replaced)
        }
    }

    /// Reads a request of another API. The preset applies to the chat completion that the request is translated to.
    /// - translate: throws the errors that name the client's own fields; runs on a thread of the worker pool.
    func read<Own: Sendable>(
        _ request: Request, _ context: ShimmyRequestContext, translate: @escaping @Sendable (JSON) throws -> Translation<Own>
    ) async throws -> PresetRequest<TranslatedRequest<Own>> {
        try await read(request, context, fallbacks: { _ in [:] }) { json, preset in
            let translation = try translate(json)
            let applied = preset.applied(to: translation.completion, of: Compatibility.chatCompletions)
            return PresetRequest(
                value: try TranslatedRequest(applied.request, translation), preset: preset,
                forced: applied.replaced.compactMap { translation.names.name(of: $0) })
        }
    }

    /// Reads a request of another API that may be translated to one of several requests.
    /// - fallbacks: returns the fields of a chat request for a model's requests, where neither the client nor the preset sets them.
    /// - decode: translates the request and applies the preset; runs on a thread of the worker pool.
    func read<Value: Sendable>(
        _ request: Request, _ context: ShimmyRequestContext, fallbacks: @Sendable (ModelRecord) -> JSONObject,
        decode: @escaping @Sendable (JSON, RequestPreset) throws -> PresetRequest<Value>
    ) async throws -> PresetRequest<Value> {
        let parsed = try await body.parse(request, context)
        let preset = await preset(parsed.model, needsModel: true, fallbacks)
        return try await body.finish(parsed, context) { json in try decode(json, preset) }
    }

    /// Returns the preset of a model; an empty one for an unknown model.
    func preset(
        _ model: String?, needsModel: Bool, _ fallbacks: @Sendable (ModelRecord) -> JSONObject = { _ in [:] }
    ) async -> RequestPreset {
        var name = model
        if name == nil, !needsModel { name = await service.models.onlyModel() }
        guard let name, let record = try? await service.models.find(name) else { return .none }
        var preset = service.presets(record)
        for (field, value) in preset.adding(recommended: fallbacks(record)) { preset.defaults[field] = value }
        return preset
    }
}
