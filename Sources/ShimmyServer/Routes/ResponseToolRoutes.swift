import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyModels
import ShimmyStorage

/// What helps clients to keep their conversations within a model's context: counting, and compacting.
struct ResponseToolRoutes: Sendable {
    let models: ModelManager
    let body: JSONBodyReader
    /// Nil where nothing may be stored.
    let store: Store?

    var routes: [Route] {
        [
            Route(path: "/responses/input_tokens", method: .post, isOpenAI: true, handler: count),
            Route(path: "/responses/compact", method: .post, isOpenAI: true, handler: compact),
        ]
    }

    @Sendable private func count(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try InputTokensRequest(try await body.read(request))
        let items = try await ResponseContextFinder(store: store).context(
            previous: decoded.previousID, conversation: decoded.conversationID, input: decoded.input, owner: context.storageOwner)
        let lease = try await context.acquire(try await models.meant(by: decoded.model), from: models)
        do {
            let prompt = try await lease.backend.prepare(try decoded.conversation(items.items))
            var response = Response.json(InputTokensRequest.response(prompt.tokens.count))
            response.reportIgnored(decoded.ignoredParameters)
            return response
        } catch let error as GenerationError {
            throw APIError(error, input: "input", isResponse: true)
        }
    }

    @Sendable private func compact(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let decoded = try CompactRequest(try await body.read(request))
        let items = try await ResponseContextFinder(store: store).context(
            previous: decoded.previousID, conversation: nil, input: decoded.input, owner: context.storageOwner)
        let lease = try await context.acquire(decoded.model, from: models)
        let terms = ServiceTerms(owner: context.owner, isFlex: decoded.isFlex)
        let answer = try await summarize(decoded, items.items, on: lease.backend, terms)
        let canceller = answer.canceller
        let consumer = OneConsumer(answer)
        let (summary, usage) = try await context.channel.onDisconnect(canceller.cancel) { try await Self.read(try consumer.take()) }
        var response = Response.json(CompactRequest.response(summary: summary, usage: usage, created: UnixTime.now))
        response.reportIgnored(decoded.ignoredParameters)
        return response
    }

    /// What does not fit into the model's context goes unread, oldest first: it is too late for it.
    private func summarize(
        _ request: CompactRequest, _ items: [ResponseItem], on backend: any Backend, _ terms: ServiceTerms
    ) async throws -> sending Answer {
        var rest = items
        while true {
            do {
                return try await backend.generate(try request.chat(rest, contextLength: backend.contextLength), terms: terms)
            } catch let error as GenerationError {
                guard case .contextExceeded(let prompt, let requested, let context) = error,
                    let fewer = ItemTruncation.dropping(rest, excess: max(1, prompt + (requested ?? 1) - context), of: prompt)
                else { throw APIError(error, input: "input", isResponse: true) }
                rest = fewer
            }
        }
    }

    private static func read(_ answer: Answer) async throws -> (String, Usage) {
        var summary = ""
        while let event = try await answer.nextEvent() {
            switch event {
            case .delta(_, .content(let text, _)): summary += text
            case .ended(let usage): return (summary, usage)
            case .delta, .prompt, .idle, .finished: continue
            }
        }
        throw APIError.internal("The summary ended without a reason.")
    }
}
