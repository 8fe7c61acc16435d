package import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
package import ShimmyJSON
package import ShimmyModels

/// The requests of Ollama's API that use a model.
extension InferenceService {
    /// Accepts a request that generates text. Throws the errors that can be found without the model.
    /// - planned: returns the context length that a model would get when loaded; nil if it is unknown.
    package func acceptOllama(
        _ reading: PresetRequest<OllamaRequest>, planned: @Sendable (ModelRecord) -> Int?, _ caller: Caller
    ) async throws -> AnswerOrder {
        let caller = try charged(reading.value, caller)
        let fitted = try await caller.charge.during { try await fitting(reading.value, planned) }
        let request = OneConsumer(fitted)
        let errors = API.ollama.errors
        return AnswerOrder(reading.map { _ in fitted }, caller.charge, framing: .lines, failed: { [errors.body(of: $0, requestID: "")] }) { lease in
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
        case .load: try charged(caller, endpoint, WorkEstimate.nothing)
        case .chat(let chat, _): try charged(caller, endpoint, chat)
        case .text(let text): try charged(caller, endpoint, text)
        }
    }

    /// Gives the model the context length that a request asks for. Returns the request, which reports another length than the model's.
    private func fitting(_ request: OllamaRequest, _ planned: (ModelRecord) -> Int?) async throws -> OllamaRequest {
        guard let wanted = request.contextLength else { return request }
        return try await setContext(wanted, of: request.model, planned: planned) ? request : request.ignoring("options.num_ctx")
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
                        return (try await generator.generate(rest, terms: caller.terms(isFlex: isFlex, isWhole: !request.stream)), dropped)
                    } catch let error as GenerationError where request.truncates {
                        rest.conversation.messages = try await Self.fewer(rest.conversation.messages, error, attempt)
                        attempt += 1
                    } catch let failure as UpstreamFailure where request.truncates {
                        guard let error = failure.contextExceeded(within: generator.contextLength) else { throw failure }
                        do {
                            rest.conversation.messages = try await Self.fewer(rest.conversation.messages, error, attempt)
                        } catch is GenerationError {
                            throw failure
                        }
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
            let moments = OllamaMoments(arrived: caller.arrived, loaded: .now)
            if request.embedding.inputs.isEmpty {
                caller.charge?.note(model: lease.record.id)
                return request.response(nil, moments)
            }
            let result = try await embed(request.embedding, on: lease, caller, failed: request.error)
            return request.response(result, moments)
        }
    }

    // MARK: Models

    /// Loads a model, or frees it if `keep_alive` is 0: the meaning of a request without a prompt. It counts as a request without tokens.
    /// - planned: returns the context length that a model would get when loaded; nil if it is unknown.
    /// - load: loads the model.
    /// - Returns: the response, and the request's fields without effect.
    package func loadOllama(
        _ request: OllamaRequest, planned: @Sendable (ModelRecord) -> Int?, _ caller: Caller, load: () async throws -> ModelLease
    ) async throws -> (json: JSON, ignored: ReportedNames) {
        let caller = try charged(request, caller)
        return try await caller.charge.during {
            let answer = OllamaAnswer(request.route, model: request.model)
            if request.keepAlive == .seconds(0) {
                try await free(request.model)
                caller.charge?.end(.none)
                let freed = request.contextLength == nil ? request : request.ignoring("options.num_ctx")
                return (json: answer.withoutText("unload"), ignored: freed.ignoredParameters)
            }
            let fitted = try await fitting(request, planned)
            let lease = try await load()
            caller.charge?.note(model: lease.record.id)
            caller.charge?.end(.none)
            return (json: answer.withoutText("load"), ignored: fitted.ignoredParameters)
        }
    }

    private func free(_ model: String) async throws {
        do {
            _ = try await models.unload(model)
        } catch ModelError.inUse {
            // The model is freed when its last user is done.
            _ = try await models.acquire(model, keepAlive: .seconds(0), onlyLoads: true)
        }
    }

    /// Gives a model at least the context length that a request asks for. A longer context needs a reload, which waits for the model's users. A
    /// request cannot shorten the context, or extend it beyond the length that the model was trained with.
    /// - planned: returns the context length that a model would get when loaded; nil if it is unknown.
    /// - field: the client's name of the field with the context length.
    /// - Returns: whether the model has exactly the context length of the request.
    package func setContext(_ tokens: Int, of name: String, planned: (ModelRecord) -> Int?, field: String = "options.num_ctx") async throws -> Bool {
        let record = try await models.findUsable(name, for: .chat)
        guard let current = models.loadedBackend(record)?.knownContextLength ?? planned(record) else { return false }
        // The context of an upstream server's model is the server's.
        if record.upstream != nil { return tokens <= current }
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
