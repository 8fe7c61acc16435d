import Hummingbird
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyModels
import ShimmyStorage

/// Routes that help clients keep their conversations within a model's context: token counting and compaction.
struct ResponseToolRoutes: Sendable {
    let models: ModelManager
    let reader: PresetReader
    /// The storage; nil if the server stores nothing.
    let store: Store?

    var routes: [Route] {
        [
            Route(.post, "/responses/input_tokens", .load, handler: count),
            Route(.post, "/responses/compact", .load, handler: compact),
        ]
    }

    @Sendable private func count(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, for: Compatibility.countInputTokens, needsModel: false) {
            try InputTokensRequest($0)
        }
        let decoded = reading.value
        let items = try await ResponseContextFinder(store: store).context(
            previous: decoded.previousID, conversation: decoded.conversationID, input: decoded.input, owner: context.storageOwner)
        let lease = try await context.acquire(try await models.meant(by: decoded.model), for: .chat, from: models)
        do {
            var conversation = try await WorkerPool.input.run { _ in try decoded.conversation(items.items) }
            reading.preset.complete(&conversation)
            let prompt = try await lease.generator.prepare(conversation)
            var response = Response.json(InputTokensRequest.response(prompt.tokens.count))
            response.reportIgnored(decoded.ignoredParameters)
            response.reportForced(reading.forced)
            return response
        } catch let error as GenerationError {
            throw APIError(error, input: "input", isResponse: true)
        }
    }

    @Sendable private func compact(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, for: Compatibility.compact) { try CompactRequest($0) }
        let decoded = reading.value
        let items = try await ResponseContextFinder(store: store).context(
            previous: decoded.previousID, conversation: nil, input: decoded.input, owner: context.storageOwner)
        let lease = try await context.acquire(decoded.model, for: .chat, from: models)
        let terms = ServiceTerms(owner: context.owner, isFlex: decoded.isFlex)
        let answer = try await summarize(decoded, items.items, reading.preset, on: lease.generator, terms)
        let canceller = answer.canceller
        let consumer = OneConsumer(answer)
        let (summary, usage): (String, Usage)
        do {
            (summary, usage) = try await context.channel.onDisconnect(canceller.cancel) { try await Self.read(try consumer.take()) }
        } catch is CancellationError where !models.isShuttingDown {
            throw APIError.cancelled
        }
        var response = Response.json(CompactRequest.response(summary: summary, usage: usage, created: UnixTime.now))
        response.reportIgnored(decoded.ignoredParameters)
        response.reportForced(reading.forced)
        return response
    }

    /// Begins the summary. Drops the oldest items that do not fit into the model's context.
    private func summarize(
        _ request: CompactRequest, _ items: [ResponseItem], _ preset: RequestPreset, on generator: any TextGenerator, _ terms: ServiceTerms
    ) async throws -> sending Answer {
        var (rest, attempt) = (items, 0)
        let contextLength = generator.contextLength
        while true {
            do {
                var chat = try await WorkerPool.input.run { [rest] _ in try request.chat(rest, contextLength: contextLength) }
                preset.complete(&chat.conversation)
                return try await generator.generate(chat, terms: terms)
            } catch let error as GenerationError {
                guard case .contextExceeded(let prompt, let requested, let context, _) = error else {
                    throw APIError(error, input: "input", isResponse: true)
                }
                let excess = max(1, prompt + (requested ?? 1) - context)
                let fewer = try await WorkerPool.input.run { [rest, attempt] _ in
                    ItemTruncation.dropping(rest, excess: excess, of: prompt, attempt: attempt)
                }
                guard let fewer else { throw APIError(error, input: "input", isResponse: true) }
                (rest, attempt) = (fewer, attempt + 1)
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
