package import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
package import ShimmyJSON
package import ShimmyModels

/// The requests of Ollama's API that use a model.
extension InferenceService {
    /// Accepts a request that generates text. Throws the errors that can be found without the model.
    package func acceptOllama(_ reading: PresetRequest<OllamaRequest>, _ caller: Caller) throws -> AnswerOrder {
        let caller = try charged(reading.value, caller)
        let request = OneConsumer(reading.value)
        let errors = API.ollama.errors
        return AnswerOrder(reading, caller.charge, framing: .lines, failed: { [errors.body(of: $0, requestID: "")] }) { lease in
            let loaded = ContinuousClock.now
            let decoded = try request.take()
            let made = try await generate(decoded, on: lease.generator, caller)
            let dialect = OllamaDialect(
                OllamaAnswer(to: decoded), streams: decoded.stream,
                moments: OllamaMoments(arrived: caller.arrived, loaded: loaded))
            var answer = started(made.answer, lease, dialect, nil, caller)
            answer.dropped = made.dropped
            answer.report.withoutEffect = answer.report.withoutEffect.compactMap { decoded.name(of: $0) }
            return answer
        }
    }

    private func charged(_ request: OllamaRequest, _ caller: Caller) throws(APIError) -> Caller {
        let endpoint = request.route == .chat ? UsageEndpoint.ollamaChat : .ollamaGenerate
        return switch request.work {
        case .load: caller
        case .chat(let chat, _): try charged(caller, endpoint, chat)
        case .text(let text): try charged(caller, endpoint, text)
        }
    }

    /// - dropped: the number of the oldest messages that were dropped because they did not fit.
    private func generate(
        _ request: OllamaRequest, on generator: any TextGenerator, _ caller: Caller
    ) async throws -> sending (answer: Answer, dropped: Int) {
        do {
            switch request.work {
            case .load: throw APIError.internal("The request has no prompt.")
            case .text(let text): return (try await generator.complete(text, terms: caller.terms()), 0)
            case .chat(let chat, let isFlex):
                var (rest, attempt) = (chat, 0)
                while true {
                    do {
                        let dropped = chat.conversation.messages.count - rest.conversation.messages.count
                        return (try await generator.generate(rest, terms: caller.terms(isFlex: isFlex)), dropped)
                    } catch let error as GenerationError where request.truncates {
                        rest.conversation.messages = try await Self.fewer(rest.conversation.messages, error, attempt)
                        attempt += 1
                    }
                }
            }
        } catch let error as GenerationError {
            throw request.error(error)
        }
    }

    /// Returns the messages without the oldest ones if that may help; otherwise throws `error`.
    /// - attempt: the number of earlier truncations.
    private static func fewer(_ messages: [ChatMessage], _ error: GenerationError, _ attempt: Int) async throws -> [ChatMessage] {
        guard case .contextExceeded(let prompt, _, let context, _) = error else { throw error }
        // Reserves room for an answer.
        let excess = prompt + context / 8 - context
        let fewer = try await InputWork.run(.quick) { _ in
            MessageTruncation.dropping(messages, excess: excess, of: prompt, attempt: attempt)
        }
        guard let fewer else { throw error }
        return fewer
    }

    /// Returns the response to a request that computes embeddings.
    package func embedOllama(_ request: OllamaEmbedRequest, _ caller: Caller) async throws -> JSON {
        try await charging(caller, .ollamaEmbed) { caller in
            let lease = try await acquire(request.model, for: .embeddings, keepAlive: request.keepAlive)
            caller.charge?.note(model: lease.record.id)
            let moments = OllamaMoments(arrived: caller.arrived, loaded: .now)
            if request.embedding.inputs.isEmpty { return request.response(nil, moments) }
            do {
                let result = try await lease.embedder.embed(request.embedding, terms: caller.terms())
                caller.charge?.end(.prompt(result.promptTokens))
                caller.request?.note(model: lease.record.id)
                caller.request?.note(promptTokens: result.promptTokens)
                return request.response(result, moments)
            } catch let error as GenerationError {
                throw request.error(error)
            }
        }
    }

    // MARK: Models

    /// Loads a model, or frees it if `keep_alive` is 0: the meaning of a request without a prompt. Returns the response.
    /// - load: loads the model.
    package func loadOllama(_ request: OllamaRequest, load: () async throws -> ModelLease) async throws -> JSON {
        let answer = OllamaAnswer(request.route, model: request.model)
        guard request.keepAlive == .seconds(0) else {
            _ = try await load()
            return answer.withoutText("load")
        }
        do {
            _ = try await models.unload(request.model)
        } catch ModelError.inUse {
            // The model is freed when its last user is done.
            _ = try await models.acquire(request.model, keepAlive: .seconds(0), onlyLoads: true)
        }
        return answer.withoutText("unload")
    }

    /// Gives a model at least the context length that a request asks for. A longer context needs a reload, which waits for the model's users. A
    /// request cannot shorten the context, or extend it beyond the length that the model was trained with.
    /// - planned: returns the context length that a model would get when loaded; nil if it is unknown.
    /// - field: the client's name of the field with the context length.
    /// - Returns: whether the model has exactly the context length of the request.
    package func setContext(_ tokens: Int, of name: String, planned: (ModelRecord) -> Int?, field: String = "options.num_ctx") async throws -> Bool {
        let record = try await models.findUsable(name, for: .chat)
        guard let current = models.loadedBackend(record)?.contextLength ?? planned(record) else { return false }
        let longest = max(current, min(tokens, record.contextLength ?? tokens))
        if longest == current { return tokens == current }
        do {
            try await models.extendContext(of: record, to: longest)
        } catch let error as ModelError {
            switch error {
            case .tooLarge, .noPlace:
                throw APIError(
                    status: 400,
                    message: "Invalid '\(field)': the model has a context of \(current) tokens, and a context of \(longest) tokens does not "
                        + "fit: \(error.description). Use a smaller value, or start the server with a larger --memory-budget.",
                    param: field, code: "invalid_value")
            default: throw error
            }
        }
        return tokens == longest
    }
}
