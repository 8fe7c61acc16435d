import Hummingbird
import ShimmyAPI
import ShimmyJSON
import ShimmyModels

/// Reads requests that a model's preset has a word in. Every route that makes text reads its requests here.
struct PresetReader: Sendable {
    let body: JSONBodyReader
    let models: ModelManager
    let presets: @Sendable (ModelRecord) -> RequestPreset

    /// A request, and what is preset for its model.
    struct Reading {
        /// With the preset's fields.
        let json: JSON
        let preset: RequestPreset
        /// Fields of the client's whose values were replaced, for the response's header.
        let forced: [String]
    }

    /// A request without a model, or for one that is not there, is read as it is: what is wrong with it is said where it is decoded.
    func read(_ request: Request, for endpoint: EndpointRow) async throws -> Reading {
        let json = try await body.read(request)
        guard let name = json["model"]?.stringValue, let record = try? await models.find(name) else {
            return Reading(json: json, preset: .none, forced: [])
        }
        let preset = presets(record)
        let applied = preset.applied(to: json, of: endpoint)
        return Reading(json: applied.request, preset: preset, forced: applied.replaced)
    }
}
