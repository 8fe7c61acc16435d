import ArgumentParser
import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyModels
import ShimmyService

/// The service of a model in this process, for commands. It applies the same presets, limits and keep-alive times as a server, but stores nothing.
struct LocalService: Sendable {
    let record: ModelRecord
    let service: InferenceService
    private let logger: Logger

    init(_ record: ModelRecord, _ options: ModelOptions) throws {
        let logger = options.logger(quiet: true)
        let loader = try options.loader(logger)
        let models = ModelManager(
            limits: ModelPool<LoadedModel>.Limits(budget: Environment.process.memoryBudget, models: nil), logger: logger,
            scan: { ModelCatalog(records: [record]) }, settings: { options.settings(for: $0) }, estimate: { loader.estimate($0, $1) },
            terms: { loader.terms($0, $1) }, upstream: ConfiguredUpstreams.backend, load: { try await loader.load($0, $1, $2) })
        service = InferenceService(
            models: models, presets: ModelBook.presets(), store: nil, observer: AnswerObservers([]), logger: logger, owner: { _ in .common })
        self.record = record
        self.logger = logger
    }

    /// The caller of a request that arrives now.
    var caller: Caller { Caller(owner: .common, storageOwner: "", arrived: .now, logger: logger) }

    /// Returns the model after loading it if necessary.
    /// - news: receives progress texts for the user.
    func lease(keepAlive: KeepAlive? = nil, news: (String) -> Void) async throws -> ModelLease {
        guard record.roles.contains(.chat) else { throw ModelError.lacksRole(record.id, asked: .chat, has: record.roles) }
        let pending = PendingLease(record, from: service.models, keepAlive: keepAlive)
        while true {
            if let lease = try await pending.lease(within: .milliseconds(100)) { return lease }
            try Task.checkCancellation()
            news(pending.progress)
        }
    }

    /// Returns the model after loading it, with its progress on the terminal. If that fails, prints the error and exits with its documented code.
    func load() async throws -> ModelLease {
        let status = StatusLine()
        do {
            defer { status.clear() }
            return try await lease(news: status.show)
        } catch {
            Console.error((error as? ModelError)?.description ?? APIError(any: error).message)
            throw ExitStatus.modelUnusable
        }
    }

    func shutdown() async { await service.models.shutdown() }
}
