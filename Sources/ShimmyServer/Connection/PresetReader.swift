import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// Reads requests and applies the preset of their model. Every route that renders a prompt reads its requests through it.
struct PresetReader: Sendable {
    /// Decodes a request with the preset of its model; runs on a thread of the worker pool.
    typealias Decode<Value: Sendable> = @Sendable (JSON, RequestPreset) throws -> PresetRequest<Value>

    let body: RequestReader
    let service: InferenceService

    /// Reads a request. A request without a model, or with an unknown one, is decoded unchanged; the decoder then reports the error.
    /// - needsModel: false if a request without a model refers to the only one.
    /// - decode: runs on a thread of the worker pool.
    func read<Value: Sendable>(
        _ request: Request, _ context: ShimmyRequestContext, for endpoint: EndpointRow, needsModel: Bool = true,
        decode: @escaping @Sendable (JSON) throws -> Value
    ) async throws -> PresetRequest<Value> {
        try await self.decode(try await body.parse(request, context), context, for: endpoint, needsModel: needsModel, decode)
    }

    /// Reads a request as the function above does.
    /// - decoding: also gets the kinds of media that the model reads.
    func read<Value: Sendable>(
        _ request: Request, _ context: ShimmyRequestContext, for endpoint: EndpointRow, needsModel: Bool = true,
        decoding: @escaping @Sendable (JSON, MediaKinds) throws -> Value
    ) async throws -> PresetRequest<Value> {
        try await decode(try await body.parse(request, context), context, for: endpoint, needsModel: needsModel, decoding: decoding)
    }

    /// Decodes a parsed request as `read` does.
    func decode<Value: Sendable>(
        _ parsed: RequestReader.Parsed, _ context: ShimmyRequestContext, for endpoint: EndpointRow, needsModel: Bool = true,
        decoding: @escaping @Sendable (JSON, MediaKinds) throws -> Value
    ) async throws -> PresetRequest<Value> {
        let preset = await service.preset(parsed.model, needsModel: needsModel)
        return try await finish(parsed, context, preset) { json, preset in
            try preset.reading(json, of: endpoint) { try decoding($0, preset.media) }
        }
    }

    /// Decodes a parsed request as `read` does.
    func decode<Value: Sendable>(
        _ parsed: RequestReader.Parsed, _ context: ShimmyRequestContext, for endpoint: EndpointRow, needsModel: Bool = true,
        _ decode: @escaping @Sendable (JSON) throws -> Value
    ) async throws -> PresetRequest<Value> {
        let preset = await service.preset(parsed.model, needsModel: needsModel)
        return try await finish(parsed, context, preset) { json, preset in try preset.reading(json, of: endpoint, decode: decode) }
    }

    /// Reads a request of another API. The preset applies to the chat completion that the request is translated to.
    /// - translate: throws the errors that name the client's own fields; runs on a thread of the worker pool.
    func read<Own: Sendable>(
        _ request: Request, _ context: ShimmyRequestContext, translate: @escaping @Sendable (JSON, MediaKinds) throws -> Translation<Own>
    ) async throws -> PresetRequest<TranslatedRequest<Own>> {
        try await read(request, context, fallbacks: { _ in [:] }) { json, preset in
            let translation = try translate(json, preset.media)
            let reading = try preset.reading(translation.completion, of: Compatibility.chatCompletions) { try TranslatedRequest($0, translation) }
            return PresetRequest(
                value: reading.value, preset: preset, forced: reading.forced.compactMap { translation.names.name(of: $0) })
        }
    }

    /// Reads a request of another API that may be translated to one of several requests.
    /// - fallbacks: returns the fields of a chat request for a model's requests, where neither the client nor the preset sets them.
    func read<Value: Sendable>(
        _ request: Request, _ context: ShimmyRequestContext, fallbacks: @Sendable (ModelRecord) -> JSONObject, decode: @escaping Decode<Value>
    ) async throws -> PresetRequest<Value> {
        let parsed = try await body.parse(request, context)
        return try await finish(parsed, context, await service.preset(parsed.model, fallbacks: fallbacks), decode)
    }

    /// Decodes a parsed request with a preset. All other functions end here.
    func finish<Value: Sendable>(
        _ parsed: RequestReader.Parsed, _ context: ShimmyRequestContext, _ preset: RequestPreset, _ decode: @escaping Decode<Value>
    ) async throws -> PresetRequest<Value> {
        try await body.finish(parsed, context) { json in try decode(json, preset) }
    }
}
