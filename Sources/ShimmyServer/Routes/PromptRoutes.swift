import HTTPTypes
import Hummingbird
import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// Shimmy's API for prompts and tokens: renders conversations, tokenizes and detokenizes texts. No model output is computed.
struct PromptRoutes: Sendable {
    let service: InferenceService
    let body: RequestReader
    let reader: PresetReader
    let tokenizers: TokenizerLookup

    var routes: [Route] {
        [
            Route(own: .post, "/chat/completions/render", .load, handler: render),
            Route(own: .post, "/tokenize", .load, handler: tokenize),
            Route(own: .post, "/detokenize", .load, handler: detokenize),
            Route(own: .get, "/tokenizer_info", .read, handler: describe),
        ]
    }

    @Sendable private func render(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, for: Compatibility.chatCompletions) { try RenderRequest($0) }
        var decoded = reading.value
        reading.preset.complete(&decoded.conversation)
        let prompt = try await service.counting(context.caller) { [decoded] in
            let lease = try await context.acquire(decoded.model, for: .chat, from: service)
            return try await context.untilDisconnected { try await lease.generator.prepare(decoded.conversation) }
        }
        var response = Response.json(RenderRequest.response(prompt, model: decoded.model))
        response.report(prompt.report)
        return response
    }

    @Sendable private func tokenize(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try TokenizeRequest($0) }
        return try await service.counting(context.caller) {
            let lease = try await context.acquire(try await service.models.meant(by: decoded.model), from: service)
            let tokens = try await context.untilDisconnected { () async throws -> [Token] in try await self.tokens(of: decoded.input, lease) }
            let pieces = decoded.needsPieces ? try await lease.backend.tokenizer.pieces(of: tokens) : nil
            return .json(decoded.response(tokens, pieces: pieces, contextLength: lease.backend.contextLength))
        }
    }

    private func tokens(of input: TokenizeRequest.Input, _ lease: ModelLease) async throws -> [Token] {
        switch input {
        case .text(let text, let addSpecial, let parseSpecial):
            do {
                return try await lease.backend.tokenizer.tokenize(text, addSpecial: addSpecial, parseSpecial: parseSpecial)
            } catch let error as GenerationError {
                throw APIError(error, input: "content")
            }
        case .conversation(let conversation): return try await lease.generator.prepare(conversation).tokens
        }
    }

    @Sendable private func detokenize(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try DetokenizeRequest($0) }
        return try await service.counting(context.caller) {
            let lease = try await context.acquire(try await service.models.meant(by: decoded.model), from: service)
            return .json(try decoded.response(try await lease.backend.tokenizer.pieces(of: decoded.tokens)))
        }
    }

    @Sendable private func describe(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let models = service.models
        let model = try await models.meant(by: request.query.string("model"))
        let record = try await models.findUsable(model)
        if record.upstream != nil { throw APIError.notOfUpstream(model, "a chat template to show") }
        guard let facts = try await tokenizers.facts(of: record, context.logger) else { throw APIError.modelNotLoaded(model) }
        return .json(TokenizerInfo.response(facts, model: model, contextLength: tokenizers.contextLength(of: record)))
    }
}
