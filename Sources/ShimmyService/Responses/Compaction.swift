package import ShimmyAPI
import ShimmyAccounts
package import ShimmyChat
import ShimmyCore
import ShimmyModels

/// Token counting and compaction, which help clients keep their conversations within a model's context.
extension InferenceService {
    /// Returns the number of input tokens that a response would have. A cancelled task stops the work.
    package func countInput(_ reading: PresetRequest<InputTokensRequest>, _ caller: Caller) async throws -> Int {
        try await counting(caller) { try await WorkAllowance.limiting { try await count(reading, caller) } }
    }

    private func count(_ reading: PresetRequest<InputTokensRequest>, _ caller: Caller) async throws -> Int {
        let request = reading.value
        let items = try await ResponseContextFinder(store: store).context(
            previous: request.previousID, conversation: request.conversationID, input: request.input, owner: caller.storageOwner)
        let lease = try await acquire(try await models.meant(by: request.model), for: .chat)
        do {
            var conversation = try await InputWork.run(.quick) { _ in try request.conversation(items.items) }
            reading.preset.complete(&conversation)
            return try await lease.generator.prepare(conversation).tokens.count
        } catch let error as GenerationError {
            throw APIError(error, input: "input", isResponse: true)
        }
    }

    /// Returns a summary of a conversation. A cancelled task stops the work.
    package func compact(_ reading: PresetRequest<CompactRequest>, _ caller: Caller) async throws -> (summary: String, usage: Usage) {
        let estimate = WorkEstimate(bytes: caller.inputBytes, output: nil)
        return try await charging(caller, .compact, estimate) { caller in
            let result = try await WorkAllowance.limiting { try await summarize(reading, caller) }
            caller.charge?.end(result.usage)
            return result
        }
    }

    private func summarize(_ reading: PresetRequest<CompactRequest>, _ caller: Caller) async throws -> (summary: String, usage: Usage) {
        let request = reading.value
        let items = try await ResponseContextFinder(store: store).context(
            previous: request.previousID, conversation: nil, input: request.input, owner: caller.storageOwner)
        let lease = try await acquire(request.model, for: .chat)
        caller.charge?.note(model: lease.record.id)
        let answer = try await begin(request, items.items, reading.preset, on: lease.generator, caller.terms(isFlex: request.isFlex))
        // The model stays in use while its answer is read.
        defer { withExtendedLifetime(lease) {} }
        let canceller = answer.canceller
        return try await withTaskCancellationHandler {
            try await Self.read(answer)
        } onCancel: {
            canceller.cancel()
        }
    }

    /// Begins the summary. Drops the oldest items that do not fit into the model's context.
    private func begin(
        _ request: CompactRequest, _ items: [ResponseItem], _ preset: RequestPreset, on generator: any TextGenerator, _ terms: ServiceTerms
    ) async throws -> sending Answer {
        var (rest, attempt) = (items, 0)
        let contextLength = generator.contextLength
        while true {
            do {
                var chat = try await InputWork.run(.quick) { [rest] _ in try request.chat(rest, contextLength: contextLength) }
                preset.complete(&chat.conversation)
                return try await generator.generate(chat, terms: terms)
            } catch let error as GenerationError {
                guard case .contextExceeded(let prompt, let requested, let context, _) = error else {
                    throw APIError(error, input: "input", isResponse: true)
                }
                let excess = max(1, prompt + (requested ?? 1) - context)
                let fewer = try await InputWork.run(.quick) { [rest, attempt] _ in
                    ItemTruncation.dropping(rest, excess: excess, of: prompt, attempt: attempt)
                }
                guard let fewer else { throw APIError(error, input: "input", isResponse: true) }
                (rest, attempt) = (fewer, attempt + 1)
            } catch let failure as UpstreamFailure {
                throw APIError(failure) { APIError($0, input: "input", isResponse: true) }
            }
        }
    }

    private static func read(_ answer: Answer) async throws -> (String, Usage) {
        var summary = ""
        while let event = try await answer.nextEvent() {
            switch event {
            case .delta(_, .content(let text, _)): summary += text
            case .ended(let usage): return (summary, usage)
            case .delta, .prompt, .fact, .idle, .finished: continue
            }
        }
        throw APIError.internal("The summary ended without a reason.")
    }
}
