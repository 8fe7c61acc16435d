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
        let parsed = try await body.parse(request, context)
        var name = parsed.model
        if name == nil, !needsModel { name = await service.models.onlyModel() }
        var preset = RequestPreset.none
        if let name, let record = try? await service.models.find(name) { preset = service.presets(record) }
        return try await body.finish(parsed, context) { [preset] json in
            let applied = preset.applied(to: json, of: endpoint)
            return PresetRequest(value: try decode(applied.request), preset: preset, forced: applied.replaced)
        }
    }
}
