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
            Route(.post, "/chat/completions", .load, handler: chat),
            Route(.post, "/completions", .load, handler: complete),
        ]
    }

    // Errors that can be found without the model are thrown before `respond`. `respond` finds the others, while they can still set the
    // status, unless the model takes long to load.

    @Sendable private func chat(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, for: Compatibility.chatCompletions) { try ChatCompletionRequest($0) }
        let id = ChatCompletionEncoder.newID()
        let record = try await record(reading.value, id, context)
        let ask = ModelAsk(
            model: reading.value.model, keepAlive: reading.value.keepAlive, streams: reading.value.stream,
            ignored: reading.value.ignoredParameters, forced: reading.forced)
        let request = OneConsumer(Self.completed(reading))
        return try await responder.respond(to: ask, context) { lease in
            // This is the only reference to the request, so that its memory is released once the answer has begun.
            let decoded = try request.take()
            let answer = try await lease.generator.generate(decoded.chat, terms: ServiceTerms(owner: context.owner, isFlex: decoded.isFlex))
            let encoder = ChatCompletionEncoder(
                id: id, created: UnixTime.now, model: decoded.model, fingerprint: lease.backend.fingerprint,
                serviceTier: decoded.isFlex ? "flex" : "default", includeUsage: decoded.includeUsage, dialect: decoded.dialect,
                tellsLogprobs: decoded.chat.sampling.logprobs != nil)
            let dialect = ChatDialect(
                encoder: encoder, calls: decoded.dialect, choices: decoded.chat.choices,
                makes: ask.streams ? record == nil ? .chunks : [.chunks, .whole] : .whole)
            return started(answer, lease, dialect, record, context)
        }
    }

    private func started<Dialect: AnswerDialect>(
        _ answer: sending Answer, _ lease: ModelLease, _ dialect: Dialect, _ record: (any AnswerRecord<Dialect>)?,
        _ context: ShimmyRequestContext
    ) -> StartedAnswer {
        var dialect = dialect
        let (report, first) = (answer.report, dialect.begin())
        let run = AnswerRun(answer, lease, dialect, record, models, context.logger)
        return StartedAnswer(run, first: first, report: report, heartbeat: responder.heartbeat, context)
    }

    /// Returns the request with the model's preset applied.
    private static func completed(_ reading: PresetReader.Reading<ChatCompletionRequest>) -> ChatCompletionRequest {
        var decoded = reading.value
        decoded.stored = nil
        reading.preset.complete(&decoded.chat.conversation)
        return decoded
    }

    /// Returns the record of the completion; nil if it is not to be stored. The storage is checked before the answer is computed.
    private func record(_ request: ChatCompletionRequest, _ id: String, _ context: ShimmyRequestContext) async throws -> ChatRecord? {
        guard let stored = request.stored else { return nil }
        guard let store else { throw APIError.nothingIsStored("store") }
        try await store.ready()
        let messages = stored.messages.enumerated().map { index, message in
            StoredItem(id: "\(id)-\(index)", json: StoredChatEncoder.message(message, id: "\(id)-\(index)"))
        }
        return ChatRecord(
            store: store, id: id, owner: context.storageOwner, model: request.model, metadata: stored.metadata, messages: messages)
    }

    @Sendable private func complete(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, for: Compatibility.completions) { try CompletionRequest($0) }
        let ask = ModelAsk(
            model: reading.value.model, keepAlive: reading.value.keepAlive, streams: reading.value.stream,
            ignored: reading.value.ignoredParameters, forced: reading.forced)
        let request = OneConsumer(reading.value)
        return try await responder.respond(to: ask, context) { lease in
            let decoded = try request.take()
            let echoes = try await Self.echoes(decoded, lease.backend.tokenizer)
            let answer: Answer
            do {
                answer = try await lease.generator.complete(decoded.completion, terms: ServiceTerms(owner: context.owner))
            } catch let error as GenerationError {
                let choices = decoded.completion.choices > decoded.toldChoices ? "best_of" : "n"
                throw APIError(error, input: "prompt", choices: choices)
            }
            let dialect = CompletionDialect(
                id: CompletionDialect.newID(), created: UnixTime.now, model: decoded.model, fingerprint: lease.backend.fingerprint,
                streams: ask.streams, includeUsage: decoded.includeUsage, tellsLogprobs: decoded.tellsLogprobs, echoes: echoes,
                told: (decoded.toldChoices, of: decoded.completion.choices))
            return started(answer, lease, dialect, nil, context)
        }
    }

    /// Returns the text that each choice begins with: its prompt if the request asks for an echo, otherwise nothing.
    private static func echoes(_ request: CompletionRequest, _ tokenizer: any TokenizerAccess) async throws -> [String] {
        var echoes: [String] = []
        for prompt in request.completion.prompts {
            var text = ""
            switch prompt {
            // A scored prompt is returned together with its scores.
            case _ where !request.echo || request.completion.scoresPrompt: break
            case .text(let given): text = given
            case .tokens(let tokens): text = String(decoding: try await tokenizer.pieces(of: tokens).flatMap { $0 ?? [] }, as: UTF8.self)
            }
            echoes += Array(repeating: text, count: request.completion.choices)
        }
        return echoes
    }
}
