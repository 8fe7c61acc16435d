import HTTPTypes
import Hummingbird
import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyModels

/// Shimmy's API for prompts and tokens: renders conversations, tokenizes and detokenizes texts. No model output is computed.
struct PromptRoutes: Sendable {
    let models: ModelManager
    let body: RequestReader
    let reader: PresetReader
    /// Returns the context length of a model that is not loaded.
    let contextLength: @Sendable (ModelRecord) -> Int?
    let tokenizer: @Sendable (ModelRecord) async throws -> TokenizerFacts

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
        let prompt = try await lease.backend.prepare(decoded.conversation)
        var response = Response.json(RenderRequest.response(prompt, model: decoded.model))
        response.report(prompt.report)
        return response
    }

    @Sendable private func tokenize(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try TokenizeRequest($0) }
        let lease = try await context.acquire(try await models.meant(by: decoded.model), from: models)
        let (backend, tokens) = (lease.backend, try await tokens(of: decoded.input, lease.backend))
        let pieces = decoded.needsPieces ? try await backend.pieces(of: tokens) : nil
        return .json(decoded.response(tokens, pieces: pieces, contextLength: backend.contextLength))
    }

    private func tokens(of input: TokenizeRequest.Input, _ backend: any Backend) async throws -> [Token] {
        switch input {
        case .text(let text, let addSpecial, let parseSpecial):
            try await backend.tokenize(text, addSpecial: addSpecial, parseSpecial: parseSpecial)
        case .conversation(let conversation): try await backend.prepare(conversation).tokens
        }
    }

    @Sendable private func detokenize(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try await body.read(request, context) { try DetokenizeRequest($0) }
        let lease = try await context.acquire(try await models.meant(by: decoded.model), from: models)
        return .json(try decoded.response(try await lease.backend.pieces(of: decoded.tokens)))
    }

    @Sendable private func describe(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let model = try await models.meant(by: request.query.string("model"))
        let record = try await models.findUsable(model)
        if let backend = models.loadedBackend(record) {
            return .json(TokenizerInfo.response(backend.tokenizer, model: model, contextLength: backend.contextLength))
        }
        do {
            return .json(TokenizerInfo.response(try await tokenizer(record), model: model, contextLength: contextLength(record)))
        } catch let error where !(error is CancellationError) {
            context.logger.info("a tokenizer cannot be told without its model", metadata: ["model": "\(record.id)", "error": "\(error)"])
            throw APIError.modelNotLoaded(model)
        }
    }
}
