import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyModels
import ShimmyService

// Requests of clients that were written for servers with one model, and that need not name it.

extension PresetReader {
    /// Reads a request. Its model is named in the body or in the query, or is the only one with a role; the decoder gets the name in the body.
    /// - decode: decodes the request and applies the preset; runs on a thread of the worker pool.
    func readNamingModel<Value: Sendable>(
        _ request: Request, _ context: ShimmyRequestContext, for role: ModelRole = .chat,
        decode: @escaping Decode<Value>
    ) async throws -> PresetRequest<Value> {
        let parsed = try await body.parse(request, context)
        let named = [parsed.model, request.query.string("model")].compactMap { $0 }.first { !$0.allSatisfy(\.isWhitespace) }
        let model = await service.models.model(named: named, for: role)
        let preset = await completionPreset(model)
        return try await finish(parsed, context, preset) { json, preset in try decode(json.naming(model), preset) }
    }

    /// Returns the preset of a model for llama-server's completions, which have other defaults than OpenAI's.
    func completionPreset(_ model: String?) async -> RequestPreset {
        await service.preset(model) { LlamaServerRequest.sampling(recommended: $0.sampling) }
    }
}

extension JSON {
    /// Returns a request with the name of its model if the request has none.
    fileprivate func naming(_ model: String?) -> JSON {
        guard let model, var object = objectValue else { return self }
        switch object["model"] {
        case nil, .null?: object["model"] = .string(model)
        case .string(let name)? where name.allSatisfy(\.isWhitespace): object["model"] = .string(model)
        default: return self
        }
        return .object(object)
    }
}
