import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyModels

/// Shimmy's own: what a conversation looks like to a model, and what a text is in its tokens. Nothing is computed.
struct PromptRoutes: Sendable {
    let models: ModelManager
    let body: RequestReader
    let reader: PresetReader

    var routes: [Route] {
        ["", "/v1"].flatMap { prefix in
            [
                Route(path: prefix + "/chat/completions/render", method: .post, isOpenAI: false, handler: render),
                Route(path: prefix + "/tokenize", method: .post, isOpenAI: false, handler: tokenize),
                Route(path: prefix + "/detokenize", method: .post, isOpenAI: false, handler: detokenize),
                Route(path: prefix + "/tokenizer_info", method: .get, isOpenAI: false, handler: describe),
            ]
        }
    }

    @Sendable private func render(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, for: Compatibility.chatCompletions) { try RenderRequest($0) }
        var decoded = reading.value
        reading.preset.complete(&decoded.conversation)
        let lease = try await context.acquire(decoded.model, from: models)
        return .json(RenderRequest.response(try await lease.backend.prepare(decoded.conversation), model: decoded.model))
    }

    @Sendable private func tokenize(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try TokenizeRequest($0) }
        let lease = try await context.acquire(try await models.meant(by: decoded.model), from: models)
        let tokens = try await lease.backend.tokenize(decoded.content, addSpecial: decoded.addSpecial, parseSpecial: decoded.parseSpecial)
        let pieces = decoded.withPieces ? try await lease.backend.pieces(of: tokens) : nil
        return .json(TokenizeRequest.response(tokens, pieces: pieces, contextLength: lease.backend.contextLength))
    }

    @Sendable private func detokenize(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try DetokenizeRequest($0) }
        let lease = try await context.acquire(try await models.meant(by: decoded.model), from: models)
        return .json(try decoded.response(try await lease.backend.pieces(of: decoded.tokens)))
    }

    @Sendable private func describe(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let (model, backend) = try await models.loaded(request.query.string("model"))
        return .json(TokenizerInfo.response(backend.tokenizer, model: model, contextLength: backend.contextLength))
    }
}
