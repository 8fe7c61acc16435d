import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyModels

/// Starts the answers that responses are made of.
struct ResponseMaker: Sendable {
    let models: ModelManager
    let presets: @Sendable (ModelRecord) -> RequestPreset

    /// Everything that can be wrong with a request is found here, before the answer begins.
    /// - dropped: how many of the oldest items did not fit.
    func start(
        _ request: ResponseRequest, _ items: [ResponseItem], on backend: any Backend, _ terms: ServiceTerms
    ) async throws -> sending (answer: Answer, dropped: Int) {
        var (rest, attempt) = (items, 0)
        while true {
            do {
                return (try await backend.generate(try await chat(request, rest), terms: terms), items.count - rest.count)
            } catch let error as GenerationError {
                rest = try await Self.fewer(rest, request, error, attempt)
                attempt += 1
            }
        }
    }

    /// Finds what is wrong with a request, as far as that is possible without starting.
    func check(_ request: ResponseRequest, _ items: [ResponseItem], on backend: any Backend) async throws {
        var (rest, attempt) = (items, 0)
        while true {
            do {
                let chat = try await chat(request, rest)
                let prompt = try await backend.prepare(chat.conversation).tokens.count
                if prompt + (chat.maximumTokens ?? 1) <= backend.contextLength { return }
                throw GenerationError.contextExceeded(prompt: prompt, requested: chat.maximumTokens, context: backend.contextLength)
            } catch let error as GenerationError {
                rest = try await Self.fewer(rest, request, error, attempt)
                attempt += 1
            }
        }
    }

    /// With what is preset for the model.
    private func chat(_ request: ResponseRequest, _ items: [ResponseItem]) async throws -> ChatRequest {
        var chat = try await WorkerPool.input.run { _ in try request.chat(items) }
        if let record = try? await models.find(request.model) { presets(record).complete(&chat.conversation) }
        return chat
    }

    /// The items without the oldest, where the request allows it and that helps; otherwise throws what the client has to know.
    /// - attempt: how many times that was done before.
    private static func fewer(
        _ items: [ResponseItem], _ request: ResponseRequest, _ error: GenerationError, _ attempt: Int
    ) async throws -> [ResponseItem] {
        if request.truncates, case .contextExceeded(let prompt, let requested, let context, _) = error {
            // An answer without a limit of its own gets some room.
            let excess = prompt + (requested ?? context / 8) - context
            let fewer = try await WorkerPool.input.run { _ in
                ItemTruncation.dropping(items, excess: max(1, excess), of: prompt, attempt: attempt)
            }
            if let fewer { return fewer }
        }
        throw APIError(error, input: "input", isResponse: true)
    }
}
