import ShimmyAPI
import ShimmyChat
import ShimmyClient
import ShimmyCore
import ShimmyJSON
import ShimmyModels

/// A peer that is a model in this process. It decodes requests with the server's code, so that both report the same errors.
struct LocalPeer: ChatPeer {
    let record: ModelRecord
    let backend: Backend
    let generator: any TextGenerator

    func load(_ model: String, _ news: (String) -> Void) async throws {}

    func answer(_ request: JSON, _ receive: @Sendable (ChatEvent) -> Void) async throws {
        do {
            let answer = try await generator.generate(try ModelBook.current.chat(request.objectValue ?? [:], for: record))
            let canceller = answer.canceller
            try await withTaskCancellationHandler {
                while let event = try await answer.nextEvent() { Self.tell(event, receive) }
            } onCancel: {
                canceller.cancel()
            }
        } catch let error as APIError {
            throw ClientError(error)
        } catch let error as GenerationError {
            throw ClientError(APIError(error))
        }
    }

    private static func tell(_ event: AnswerEvent, _ receive: (ChatEvent) -> Void) {
        switch event {
        case .delta(_, .content(let text, _)): receive(.content(text))
        case .delta(_, .reasoning(let text)): receive(.thought(text))
        case .finished(_, let reason): receive(.finished(reason == .length ? "length" : "stop"))
        case .ended(let usage):
            receive(
                .usage(
                    ChatUsage(
                        promptTokens: usage.promptTokens, cachedTokens: usage.cachedPromptTokens, completionTokens: usage.completionTokens)))
        case .prompt, .delta, .fact, .idle: break
        }
    }

    func facts(_ model: String) async throws -> [[String]] {
        ModelFacts.rows(
            id: record.id, family: record.architecture, parameters: record.parameterCount, quantization: record.quantization,
            size: record.sizeBytes, context: backend.contextLength, source: record.source.label) + [["path", record.path]]
    }

    func sampling(_ model: String) async -> JSONObject {
        ModelBook.current.request(for: record).adding(recommended: record.sampling)
    }

    func template(_ model: String) async throws -> String { backend.tokenizer.facts.template }
}

extension ClientError {
    init(_ error: APIError) { self = .refused(status: error.status, message: error.message, code: error.code) }
}
