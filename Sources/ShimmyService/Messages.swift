package import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
import ShimmyModels

/// The requests of Anthropic's API.
extension InferenceService {
    /// Accepts a message. The errors in it are found when the model is loaded.
    /// - requestID: the id of the request, for an error in a stream.
    package func acceptMessage(_ reading: PresetRequest<MessageRequest>, requestID: String, _ caller: Caller) throws -> AnswerOrder {
        let caller = try charged(caller, .messages, reading.value.completion.chat)
        var value = reading.value
        reading.preset.complete(&value.completion.chat.conversation)
        let request = OneConsumer(value)
        let errors = API.anthropic.errors
        return AnswerOrder(
            reading, caller.charge, framing: MessageEvents.framing, failed: { [errors.body(of: $0, requestID: requestID)] }
        ) { lease in
            // This is the only reference to the request, so that its memory is released once the answer has begun.
            let decoded = try request.take()
            let answer: Answer
            do {
                var terms = caller.terms(isFlex: decoded.completion.isFlex, isWhole: !decoded.stream)
                terms.namesStop = true
                answer = try await lease.generator.generate(decoded.chat, terms: terms)
            } catch let error as GenerationError {
                throw decoded.error(error)
            }
            let events = MessageEvents(decoded, isClamped: answer.report.clampedTokens != nil, requestID: requestID)
            var begun = started(answer, lease, events, nil, caller)
            begun.report.withoutEffect = begun.report.withoutEffect.compactMap { decoded.name(of: $0) }
            return begun
        }
    }

    /// Returns the number of tokens of a message's prompt. A cancelled task stops the work.
    package func countMessage(_ reading: PresetRequest<MessageRequest>, _ caller: Caller) async throws -> Int {
        try await counting(caller) { try await WorkAllowance.limiting { try await count(reading) } }
    }

    private func count(_ reading: PresetRequest<MessageRequest>) async throws -> Int {
        let lease = try await acquire(reading.value.model, for: .chat)
        var conversation = reading.value.chat.conversation
        reading.preset.complete(&conversation)
        do {
            return try await lease.generator.prepare(conversation).tokens.count
        } catch let error as GenerationError {
            throw reading.value.error(error)
        }
    }
}
