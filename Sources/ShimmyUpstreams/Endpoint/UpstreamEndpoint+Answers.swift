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
        let (kind, settings) = (self.kind, self.settings)
        var call = try await WorkerPool.input.run(InputWork.lane(bytes: request.conversation.bytes)) { _ -> UpstreamCall in
            if kind == .anthropic {
                return try MessageCall.make(request, model: model, maximumTokens: maximum, settings: settings, user: context.user)
            }
            return try ChatCall.make(request, model: model, maximumTokens: maximum, kind: kind, settings: settings, user: context.user)
        }
        call.report.limitedTokens = terms.excess(of: request.maximumTokens)
        let stream = try await open(call, context, isText: false, sharesPrompt: true)
        return UpstreamAnswer.make(stream, report: call.report)
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
        let stream = try await open(call, context, isText: true, sharesPrompt: request.prompts.count == 1)
        return UpstreamAnswer.make(stream, report: call.report)
    }

    /// Sends the requests and waits for the first events. If nothing enforces the form of the answer, it is checked before any of it is passed on,
    /// and requested again once if it is wrong.
    private func open(_ call: UpstreamCall, _ context: UpstreamContext, isText: Bool, sharesPrompt: Bool) async throws -> AnswerStream {
        var requests: [HTTPClientRequest] = []
        for body in call.bodies {
            requests.append(try request(call.path, try await WireJSON.serialized(.object(body)), context: context))
        }
        for attempt in 1... {
            let group = try start(requests, answerTimes)
            var stream = AnswerStream(group, lanes(call, isText: isText), sharesPrompt: sharesPrompt)
            do {
                try await stream.begin()
                guard call.checksAnswer, let events = try await stream.readAhead(limit: UpstreamLimits.heldBytes) else { return stream }
                if attempt >= UpstreamLimits.attempts { return stream }
                let isRight = try await WorkerPool.input.run { _ in AnswerCheck.isJSON(events) }
                if isRight { return stream }
            } catch {
                group.cancel()
                throw error
            }
            group.cancel()
        }
        throw failure(.unreadable, "its answer does not have the requested form")
    }

    private func lanes(_ call: UpstreamCall, isText: Bool) -> [AnswerLane] {
        let splits = !isText && !UpstreamFields.of(kind).separatesReasoning
        return call.bodies.indices.map { index in
            let first = index * call.choicesPerBody
            let chunks: any AnswerChunks =
                if kind == .anthropic {
                    MessageChunks(upstream: settings.name, choice: first, stops: call.ownStops, key: settings.key)
                } else {
                    ChatChunks(
                        upstream: settings.name, choices: call.choicesPerBody, firstChoice: first, splitsReasoning: splits, stops: call.ownStops,
                        key: settings.key)
                }
            return AnswerLane(chunks, choices: first..<first + call.choicesPerBody, isCut: !call.ownStops.isEmpty, settings: settings)
        }
    }
}
