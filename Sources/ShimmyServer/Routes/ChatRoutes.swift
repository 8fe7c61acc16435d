import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyModels

/// `POST /v1/chat/completions` and its elder, `POST /v1/completions`.
struct ChatRoutes: Sendable {
    let models: ModelManager
    let body: JSONBodyReader
    let responder: AnswerResponder

    var routes: [Route] {
        [
            Route(path: "/chat/completions", method: .post, isOpenAI: true, handler: chat),
            Route(path: "/completions", method: .post, isOpenAI: true, handler: complete),
        ]
    }

    // Everything that can be wrong with a request is found before `respond`, while there still is a status to say it with.

    @Sendable private func chat(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try ChatCompletionRequest(try await body.read(request))
        let lease = try await models.acquire(decoded.model)
        let answer = try await lease.backend.generate(decoded.chat, terms: ServiceTerms(owner: context.owner, isFlex: decoded.isFlex))
        let encoder = ChatCompletionEncoder(
            id: ChatCompletionEncoder.newID(), created: UnixTime.now, model: decoded.model, fingerprint: lease.backend.fingerprint,
            serviceTier: decoded.isFlex ? "flex" : "default", includeUsage: decoded.includeUsage, dialect: decoded.dialect,
            tellsLogprobs: decoded.chat.sampling.logprobs != nil)
        let choices = decoded.chat.choices
        return try await responder.respond(
            answer, lease, ChatDialect(encoder: encoder, calls: decoded.dialect, choices: choices), choices: choices, streams: decoded.stream,
            ignored: decoded.ignoredParameters, context)
    }

    @Sendable private func complete(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try CompletionRequest(try await body.read(request))
        let lease = try await models.acquire(decoded.model)
        let answer: Answer
        do {
            answer = try await lease.backend.complete(decoded.completion, terms: ServiceTerms(owner: context.owner))
        } catch let error as GenerationError {
            throw APIError(error, input: "prompt")
        }
        let dialect = CompletionDialect(
            id: CompletionDialect.newID(), created: UnixTime.now, model: decoded.model, fingerprint: lease.backend.fingerprint,
            includeUsage: decoded.includeUsage, tellsLogprobs: decoded.tellsLogprobs, echoes: try await echoes(decoded, lease.backend),
            told: (decoded.toldChoices, of: decoded.completion.choices))
        let choices = decoded.completion.prompts.count * decoded.completion.choices
        return try await responder.respond(
            answer, lease, dialect, choices: choices, streams: decoded.stream, ignored: decoded.ignoredParameters, context)
    }

    /// What each choice begins with: its prompt, or nothing.
    private func echoes(_ request: CompletionRequest, _ backend: any Backend) async throws -> [String] {
        var echoes: [String] = []
        for prompt in request.completion.prompts {
            var text = ""
            switch prompt {
            // A prompt that is scored comes with its scores.
            case _ where !request.echo || request.completion.scoresPrompt: break
            case .text(let given): text = given
            case .tokens(let tokens): text = String(decoding: try await backend.pieces(of: tokens).flatMap { $0 ?? [] }, as: UTF8.self)
            }
            echoes += Array(repeating: text, count: request.completion.choices)
        }
        return echoes
    }
}
