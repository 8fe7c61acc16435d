import Hummingbird
import ShimmyAPI
import ShimmyJSON
import ShimmyModels

/// Reads requests that a model's preset applies to. Every route that renders a prompt reads its requests here.
struct PresetReader: Sendable {
    let body: RequestReader
    let models: ModelManager
    let presets: @Sendable (ModelRecord) -> RequestPreset

    /// A decoded request, and the preset of its model.
    struct Reading<Value: Sendable>: Sendable {
        /// With the preset's fields.
        let value: Value
        let preset: RequestPreset
        /// Fields of the client's whose values were replaced, for the response's header.
        let forced: [String]
    }

    /// A request without a model, or with one that is not there, is decoded as it is: the decoder finds what is wrong with it.
    /// - needsModel: false where a request that names no model means the only one.
    func read<Value: Sendable>(
        _ request: Request, _ context: ShimmyRequestContext, for endpoint: EndpointRow, needsModel: Bool = true,
        decode: @escaping @Sendable (JSON) throws -> Value
    ) async throws -> Reading<Value> {
        let parsed = try await body.parse(request, context)
        var name = parsed.model
        if name == nil, !needsModel { name = await models.onlyModel() }
        var preset = RequestPreset.none
        if let name, let record = try? await models.find(name) { preset = presets(record) }
        return try await body.finish(parsed, context) { [preset] json in
            let applied = preset.applied(to: json, of: endpoint)
            return Reading(value: try decode(applied.request), preset: preset, forced: applied.replaced)
        }
    }
}
