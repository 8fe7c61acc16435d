import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyModels

/// Starts the answers for responses.
struct ResponseMaker: Sendable {
    let models: ModelManager
    let presets: @Sendable (ModelRecord) -> RequestPreset

    /// Starts an answer. All errors in a request are found here, before the answer begins.
    /// - dropped: the number of the oldest items that were dropped because they did not fit.
    func start(
        _ request: ResponseRequest, _ items: [ResponseItem], on generator: any TextGenerator, _ terms: ServiceTerms
    ) async throws -> sending (answer: Answer, dropped: Int) {
        var (rest, attempt) = (items, 0)
        while true {
            do {
                return (try await generator.generate(try await chat(request, rest), terms: terms), items.count - rest.count)
            } catch let error as GenerationError {
                rest = try await Self.fewer(rest, request, error, attempt)
                attempt += 1
            } catch let failure as UpstreamFailure {
                // Many upstream servers count no tokens before they get the request.
                guard let error = failure.contextExceeded(within: generator.contextLength),
                    let fewer = try await Self.truncated(rest, request, error, attempt)
                else { throw APIError(failure) { APIError($0, input: "input", isResponse: true) } }
                rest = fewer
                attempt += 1
            }
        }
    }

    /// Throws the errors in a request that can be found without starting the answer. Returns the number of its prompt's tokens.
    func check(_ request: ResponseRequest, _ items: [ResponseItem], on generator: any TextGenerator) async throws -> Int {
        var (rest, attempt) = (items, 0)
        while true {
            do {
                let chat = try await chat(request, rest)
                let prompt = try await generator.prepare(chat.conversation).tokens.count
                if prompt + (chat.maximumTokens ?? 1) <= generator.contextLength { return prompt }
                throw GenerationError.contextExceeded(prompt: prompt, requested: chat.maximumTokens, context: generator.contextLength)
            } catch let failure as UpstreamFailure where failure.isUnsupported {
                // An upstream server that counts no tokens finds the errors itself. The number of tokens is an estimate.
                return try await chat(request, rest).conversation.bytes / Self.bytesPerToken
            } catch let error as GenerationError {
                rest = try await Self.fewer(rest, request, error, attempt)
                attempt += 1
            }
        }
    }

    /// The bytes of a token of English text, for estimates.
    private static let bytesPerToken = 4

    /// Returns the chat request with the model's preset applied.
    private func chat(_ request: ResponseRequest, _ items: [ResponseItem]) async throws -> ChatRequest {
        var chat = try await InputWork.run(.quick) { _ in try request.chat(items) }
        if let record = try? await models.find(request.model) {
            var preset = presets(record)
            preset.media = record.upstream?.media ?? []
            preset.complete(&chat.conversation)
        }
        return chat
    }

    /// Returns the items without the oldest ones, if the request allows truncation and it helps. Otherwise throws the error for the client.
    /// - attempt: the number of earlier truncations.
    private static func fewer(
        _ items: [ResponseItem], _ request: ResponseRequest, _ error: GenerationError, _ attempt: Int
    ) async throws -> [ResponseItem] {
        if let fewer = try await truncated(items, request, error, attempt) { return fewer }
        throw APIError(error, input: "input", isResponse: true)
    }

    /// Returns the items without the oldest ones; nil if the request does not allow truncation, or it does not help.
    private static func truncated(
        _ items: [ResponseItem], _ request: ResponseRequest, _ error: GenerationError, _ attempt: Int
    ) async throws -> [ResponseItem]? {
        guard request.truncates, case .contextExceeded(let prompt, let requested, let context, _) = error else { return nil }
        // Reserves room for an answer without a token limit of its own.
        let excess = prompt + (requested ?? context / 8) - context
        return try await InputWork.run(.quick) { _ in
            ItemTruncation.dropping(items, excess: max(1, excess), of: prompt, attempt: attempt)
        }
    }
}
