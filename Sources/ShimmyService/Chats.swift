package import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
import ShimmyModels
import ShimmyStorage

extension InferenceService {
    /// Accepts a chat completion. Throws the errors that can be found without the model.
    package func acceptChat(_ reading: PresetRequest<ChatCompletionRequest>, _ caller: Caller) async throws -> AnswerOrder {
        let caller = try charged(caller, .chatCompletions, reading.value.chat)
        let id = ChatCompletionEncoder.newID()
        let record = try await caller.charge.during { try await self.record(reading.value, id, caller) }
        let streams = reading.value.stream
        let request = OneConsumer(Self.completed(reading))
        return AnswerOrder(reading, caller.charge) { lease in
            // This is the only reference to the request, so that its memory is released once the answer has begun.
            let decoded = try request.take()
            let answer = try await lease.generator.generate(decoded.chat, terms: caller.terms(isFlex: decoded.isFlex, isWhole: !streams))
            let encoder = ChatCompletionEncoder(
                id: id, created: UnixTime.now, model: decoded.model, fingerprint: answer.report.fingerprint ?? lease.backend.fingerprint,
                serviceTier: decoded.isFlex ? "flex" : "default", includeUsage: decoded.includeUsage, dialect: decoded.dialect,
                tellsLogprobs: decoded.chat.sampling.logprobs != nil)
            let dialect = ChatDialect(
                encoder: encoder, calls: decoded.dialect, choices: decoded.chat.choices,
                makes: streams ? record == nil ? .chunks : [.chunks, .whole] : .whole)
            return started(answer, lease, dialect, record, caller)
        }
    }

    func started<Dialect: AnswerDialect>(
        _ answer: sending Answer, _ lease: ModelLease, _ dialect: Dialect, _ record: (any AnswerRecord<Dialect>)?, _ caller: Caller
    ) -> StartedAnswer {
        var dialect = dialect
        let (report, canceller, first) = (answer.report, answer.canceller, dialect.begin())
        var started = StartedAnswer(
            AnswerRun(answer, lease, dialect, first: first, record: record, models, observer, caller), canceller)
        started.report = report
        return started
    }

    /// Returns the request with the model's preset applied.
    private static func completed(_ reading: PresetRequest<ChatCompletionRequest>) -> ChatCompletionRequest {
        var decoded = reading.value
        decoded.stored = nil
        reading.preset.complete(&decoded.chat.conversation)
        return decoded
    }

    /// Returns the record of the completion; nil if it is not to be stored. The storage is checked before the answer is computed.
    private func record(_ request: ChatCompletionRequest, _ id: String, _ caller: Caller) async throws -> ChatRecord? {
        guard let stored = request.stored else { return nil }
        guard let store else { throw APIError.nothingIsStored("store") }
        try await store.ready(for: caller.storageOwner)
        let messages = stored.messages.enumerated().map { index, message in
            StoredItem(id: "\(id)-\(index)", json: StoredChatEncoder.message(message, id: "\(id)-\(index)"))
        }
        return ChatRecord(
            store: store, id: id, owner: caller.storageOwner, model: request.model, metadata: stored.metadata, messages: messages)
    }
}
