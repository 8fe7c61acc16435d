import AsyncHTTPClient
package import ShimmyChat
import ShimmyCore
import ShimmyJSON

// `terms.admission` is not called here: a request can be sent to several upstreams, so the caller admits it once.
extension UpstreamEndpoint {
    /// Requests an answer. Returns when the first event of the answer has arrived; later failures are thrown by the answer.
    package func generate(
        _ request: ChatRequest, model: String, terms: ServiceTerms, context: UpstreamContext
    ) async throws -> sending Answer {
        let maximum = [request.maximumTokens, terms.maximumTokens].compactMap { $0 }.min()
        let (kind, dialect, settings, namesStop) = (self.kind, self.dialect, self.settings, terms.namesStop)
        var call = try await WorkerPool.input.run(InputWork.lane(bytes: request.conversation.bytes)) { _ -> UpstreamCall in
            switch dialect {
            case .chat:
                try ChatCall.make(
                    request, model: model, maximumTokens: maximum, kind: kind, settings: settings, user: context.user, namesStop: namesStop)
            case .responses:
                try ResponseCall.make(request, model: model, maximumTokens: maximum, kind: kind, settings: settings, user: context.user)
            case .messages:
                try MessageCall.make(request, model: model, maximumTokens: maximum, kind: kind, settings: settings, user: context.user)
            }
        }
        call.report.limitedTokens = terms.excess(of: request.maximumTokens)
        let counts = estimate(request, model: model, context)
        let opened: OpenedAnswer
        do {
            let hold = call.form.hold(isWhole: terms.isWhole)
            opened = try await open(call, context, dialect, sharesPrompt: true, hold: hold, promptTokens: counts.promptTokens)
        } catch let failure as UpstreamFailure where request.conversation.responseSchema != nil && failure.refusesSchemas {
            throw unsupported("response_format")
        }
        return UpstreamAnswer.make(opened, report: call.report, counts)
    }

    /// Requests continuations of texts, as `generate` requests an answer. The choices of the first prompt come first.
    package func complete(
        _ request: TextRequest, model: String, terms: ServiceTerms, context: UpstreamContext
    ) async throws -> sending Answer {
        let (kind, settings) = (self.kind, self.settings)
        var call = try await WorkerPool.input.run { _ -> UpstreamCall in
            try TextCall.make(request, model: model, maximumTokens: terms.maximumTokens, kind: kind, settings: settings, user: context.user)
        }
        call.report.limitedTokens = terms.excess(of: request.maximumTokens)
        let counts = estimate(request, model: model, context)
        let sharesPrompt = request.prompts.count == 1
        let opened = try await open(call, context, nil, sharesPrompt: sharesPrompt, hold: .nothing, promptTokens: counts.promptTokens)
        return UpstreamAnswer.make(opened, report: call.report, counts)
    }

    /// Sends the requests and waits for the first events. If the upstream may miss the form of the answer, the answer is checked before any of it is
    /// passed on, as far as `hold` says, and requested again once if it is wrong.
    /// - dialect: the dialect of the answer; nil for a text completion.
    /// - promptTokens: the estimated number of the prompt's tokens.
    private func open(
        _ call: UpstreamCall, _ context: UpstreamContext, _ dialect: UpstreamDialect?, sharesPrompt: Bool, hold: AnswerForm.Hold,
        promptTokens: Int
    ) async throws -> OpenedAnswer {
        var requests: [HTTPClientRequest] = []
        for body in call.bodies {
            requests.append(try request(call.path, try await WireJSON.serialized(.object(body)), context: context))
        }
        var rejected = Usage.Rejected()
        for attempt in 1... {
            let group = try start(requests, answerTimes)
            var stream = AnswerStream(group, lanes(call, dialect), sharesPrompt: sharesPrompt)
            do {
                try await stream.begin()
                guard let events = try await stream.readAhead(hold, limit: UpstreamLimits.heldBytes) else {
                    return OpenedAnswer(stream: stream, check: call.form.isChecked ? AnswerCheck(call.form) : nil, rejected: rejected)
                }
                let faults = try await AnswerCheck.faults(in: events, call.form)
                if faults.isEmpty || attempt >= UpstreamLimits.attempts {
                    return OpenedAnswer(stream: stream, faults: faults, rejected: rejected)
                }
                rejected.add(try await UsageEstimate.estimated(events, stream.missingCounts, promptTokens: promptTokens))
            } catch {
                group.cancel()
                throw error
            }
            group.cancel()
        }
        throw failure(.unreadable, "its answer does not have the requested form")
    }

    private func lanes(_ call: UpstreamCall, _ dialect: UpstreamDialect?) -> [AnswerLane] {
        let splits = !UpstreamFields.of(kind).separatesReasoning
        return call.bodies.indices.map { index in
            let first = index * call.choicesPerBody
            let chunks: any AnswerChunks =
                switch dialect {
                case .messages: MessageChunks(upstream: settings.name, choice: first, stops: call.ownStops, key: settings.key)
                case .responses:
                    ResponseChunks(upstream: settings.name, choice: first, splitsReasoning: splits, stops: call.ownStops, key: settings.key)
                case .chat, nil:
                    ChatChunks(
                        upstream: settings.name, choices: call.choicesPerBody, firstChoice: first, splitsReasoning: splits && dialect != nil,
                        stops: call.ownStops, isEmpty: call.isEmpty, key: settings.key)
                }
            return AnswerLane(chunks, choices: first..<first + call.choicesPerBody, isCut: !call.ownStops.isEmpty, settings: settings)
        }
    }
}

extension UpstreamFailure {
    /// Whether the upstream knows no `response_format` with a schema. llama-cpp-python answers with the status 500.
    fileprivate var refusesSchemas: Bool {
        switch reason {
        case .failed, .refused: message.contains("Input should be") && message.contains("'json_object'")
        default: false
        }
    }
}
