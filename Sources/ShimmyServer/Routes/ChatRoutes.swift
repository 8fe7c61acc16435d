import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyModels
import ShimmyStorage

/// `POST /v1/chat/completions` and its predecessor, `POST /v1/completions`.
struct ChatRoutes: Sendable {
    let models: ModelManager
    let reader: PresetReader
    let responder: AnswerResponder
    /// The storage; nil if the server stores nothing.
    let store: Store?

    var routes: [Route] {
        [
            Route(path: "/chat/completions", method: .post, isOpenAI: true, handler: chat),
            Route(path: "/completions", method: .post, isOpenAI: true, handler: complete),
        ]
    }

    // Errors that can be found without the model are thrown before `respond`. `respond` finds the others, while they can still set the
    // status, unless the model takes long to load.

    @Sendable private func chat(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, for: Compatibility.chatCompletions) { try ChatCompletionRequest($0) }
        let id = ChatCompletionEncoder.newID()
        let keep = try await keep(reading.value, id, context)
        let ask = ModelAsk(
            model: reading.value.model, keepAlive: reading.value.keepAlive, streams: reading.value.stream,
            ignored: reading.value.ignoredParameters)
        let (request, forced) = (OneConsumer(Self.completed(reading)), reading.forced)
        var response = try await responder.respond(to: ask, context) { [owner = context.owner] lease in
            // This is the only reference to the request, so that its memory is released once the answer has begun.
            let decoded = try request.take()
            let answer = try await lease.backend.generate(decoded.chat, terms: ServiceTerms(owner: owner, isFlex: decoded.isFlex))
            let encoder = ChatCompletionEncoder(
                id: id, created: UnixTime.now, model: decoded.model, fingerprint: lease.backend.fingerprint,
                serviceTier: decoded.isFlex ? "flex" : "default", includeUsage: decoded.includeUsage, dialect: decoded.dialect,
                tellsLogprobs: decoded.chat.sampling.logprobs != nil)
            let choices = decoded.chat.choices
            let dialect = ChatDialect(encoder: encoder, calls: decoded.dialect, choices: choices, keepsChunks: keep != nil)
            return StartedAnswer(answer: answer, dialect: dialect, choices: choices, keep: keep)
        }
        response.reportForced(forced)
        return response
    }

    /// Returns the request with the model's preset applied.
    private static func completed(_ reading: PresetReader.Reading<ChatCompletionRequest>) -> ChatCompletionRequest {
        var decoded = reading.value
        decoded.stored = nil
        reading.preset.complete(&decoded.chat.conversation)
        return decoded
    }

    /// Returns a function that stores the completion; nil if it is not to be stored. The storage is checked before the answer is computed.
    private func keep(_ request: ChatCompletionRequest, _ id: String, _ context: ShimmyRequestContext) async throws -> AnswerResponder.Keep? {
        guard let stored = request.stored else { return nil }
        guard let store else { throw APIError.nothingIsStored("store") }
        try await store.ready()
        let messages = stored.messages.enumerated().map { index, message in
            StoredItem(id: "\(id)-\(index)", json: StoredChatEncoder.message(message, id: "\(id)-\(index)"))
        }
        return { object in
            let chat = StoredChat(
                id: id, owner: context.storageOwner, created: UnixTime.now, model: request.model, metadata: stored.metadata, object: object)
            try await store.insert(chat, messages: messages)
        }
    }

    @Sendable private func complete(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, for: Compatibility.completions) { try CompletionRequest($0) }
        let ask = ModelAsk(
            model: reading.value.model, keepAlive: reading.value.keepAlive, streams: reading.value.stream,
            ignored: reading.value.ignoredParameters)
        let (request, forced) = (OneConsumer(reading.value), reading.forced)
        var response = try await responder.respond(to: ask, context) { [owner = context.owner] lease in
            let decoded = try request.take()
            let echoes = try await Self.echoes(decoded, lease.backend)
            let answer: Answer
            do {
                answer = try await lease.backend.complete(decoded.completion, terms: ServiceTerms(owner: owner))
            } catch let error as GenerationError {
                let choices = decoded.completion.choices > decoded.toldChoices ? "best_of" : "n"
                throw APIError(error, input: "prompt", choices: choices)
            }
            let dialect = CompletionDialect(
                id: CompletionDialect.newID(), created: UnixTime.now, model: decoded.model, fingerprint: lease.backend.fingerprint,
                includeUsage: decoded.includeUsage, tellsLogprobs: decoded.tellsLogprobs, echoes: echoes,
                told: (decoded.toldChoices, of: decoded.completion.choices))
            return StartedAnswer(
                answer: answer, dialect: dialect, choices: decoded.completion.prompts.count * decoded.completion.choices)
        }
        response.reportForced(forced)
        return response
    }

    /// Returns the text that each choice begins with: its prompt if the request asks for an echo, otherwise nothing.
    private static func echoes(_ request: CompletionRequest, _ backend: any Backend) async throws -> [String] {
        var echoes: [String] = []
        for prompt in request.completion.prompts {
            var text = ""
            switch prompt {
            // A scored prompt is returned together with its scores.
            case _ where !request.echo || request.completion.scoresPrompt: break
            case .text(let given): text = given
            case .tokens(let tokens): text = String(decoding: try await backend.pieces(of: tokens).flatMap { $0 ?? [] }, as: UTF8.self)
            }
            echoes += Array(repeating: text, count: request.completion.choices)
        }
        return echoes
    }
}
