import ShimmyAPI
import ShimmyChat
import ShimmyClient
import ShimmyJSON
import ShimmyModels
import ShimmyService

/// A peer that is a model in this process. Its requests take the same way as those of a server's clients.
struct LocalPeer: ChatPeer {
    let local: LocalService

    private var service: InferenceService { local.service }
    private var record: ModelRecord { local.record }

    func load(_ model: String, _ news: (String) -> Void) async throws { _ = try await local.lease(news: news) }

    func answer(_ request: JSON, _ receive: @Sendable (ChatEvent) -> Void) async throws {
        do {
            let reading = try service.presets(record).reading(request, of: Compatibility.chatCompletions) { try ChatCompletionRequest($0) }
            let order = try await service.acceptChat(reading, local.caller)
            let lease = try await local.lease(keepAlive: order.keepAlive) { receive(.waiting($0)) }
            let started = try await order.begin(lease)
            let answer = try started.take()
            try await withTaskCancellationHandler {
                while let values = try await answer.nextValues() {
                    for value in values { try Self.pass(value, to: receive) }
                }
            } onCancel: {
                started.canceller.cancel()
            }
        } catch {
            // A cancelled answer ends with an error for its client, which is the one who cancelled it.
            try Task.checkCancellation()
            throw error as? ClientError ?? ClientError(APIError(any: error))
        }
    }

    /// Passes on the events of a value of the stream. Throws the error that the value reports.
    private static func pass(_ value: JSON, to receive: (ChatEvent) -> Void) throws {
        if let error = ClientError(reportedBy: value) { throw error }
        for event in ChatEvent.events(of: value) { receive(event) }
    }

    func facts(_ model: String) async throws -> [[String]] {
        let context = try await backend().contextLength
        return ModelFacts.rows(
            id: record.id, family: record.architecture, parameters: record.parameterCount, quantization: record.quantization,
            size: record.sizeBytes, context: context, source: record.source.label) + [["path", record.path]]
    }

    func sampling(_ model: String) async -> JSONObject { service.presets(record).adding(recommended: record.sampling) }

    func readsImages(_ model: String) async throws -> Bool { false }

    func template(_ model: String) async throws -> String { try await backend().tokenizer.facts.template }

    private func backend() async throws -> Backend {
        do {
            return try await local.lease { _ in }.backend
        } catch let error where !(error is CancellationError) {
            throw ClientError(APIError(any: error))
        }
    }
}

extension ClientError {
    init(_ error: APIError) { self = .refused(status: error.status, message: error.message, code: error.code) }
}
