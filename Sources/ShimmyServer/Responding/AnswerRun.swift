import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyModels

/// What an answer's consumer gets next.
enum AnswerNews: Sendable {
    /// Values for a stream; may be empty.
    case values([JSON])
    /// Nothing, in response to a nudge.
    case idle
}

/// Makes one answer: reads its events, produces the values of its stream and stores the result. Only one task may use it. If it is released
/// before its end, the work stops and the answer is cancelled.
final class AnswerRun<Dialect: AnswerDialect> {
    let canceller: Answer.Canceller
    private let answer: Answer
    private let lease: ModelLease
    private let record: (any AnswerRecord<Dialect>)?
    private let models: ModelManager
    private let logger: Logger
    private(set) var dialect: Dialect
    private var isOver = false
    /// Whether the answer came to its end, and neither failed nor was cancelled.
    private(set) var isComplete = false
    /// The reason for a failure; nil if the answer has not failed.
    private(set) var failure: APIError?
    /// The reason why the answer is not stored although it should be; nil otherwise.
    private(set) var obstacle: APIError?

    /// - dialect: the dialect, after its beginning was sent.
    /// - record: the answer's record; nil if the answer is not stored.
    /// - models: the manager of the answer's model; if it shuts down, the answer fails.
    init(
        _ answer: sending Answer, _ lease: ModelLease, _ dialect: Dialect, _ record: (any AnswerRecord<Dialect>)?, _ models: ModelManager,
        _ logger: Logger
    ) {
        canceller = answer.canceller
        self.answer = answer
        self.lease = lease
        self.dialect = dialect
        self.record = record
        self.models = models
        self.logger = logger
    }

    deinit {
        guard !isOver, let record else { return }
        var dialect = dialect
        let last = dialect.cancel()
        Task { [dialect] in await record.finishSurely(dialect, last) }
    }

    /// Returns the next values, after storing them if required; nil after the last ones.
    func next() async -> AnswerNews? {
        while !isOver {
            do {
                guard let event = try await answer.nextEvent() else { throw APIError.internal("The answer ended without a reason.") }
                let new: [JSON]
                switch event {
                case .idle: return .idle
                case .ended(let usage): return .values(await complete(usage))
                case .prompt(let choice, let tokens): new = try await push { $0.push(tokens, choice: choice) }
                case .delta(let choice, let delta): new = try await push { $0.push(delta, choice: choice) }
                case .finished(let choice, let reason): new = try await push { $0.push(reason, choice: choice) }
                }
                if !new.isEmpty { return .values(new) }
            } catch is CancellationError where !models.isShuttingDown {
                return .values(await end { $0.cancel() })
            } catch {
                return .values(await fail(error))
            }
        }
        return nil
    }

    /// Produces the values for an event. If they cannot be stored, they are not sent either, and the last values continue from the earlier
    /// ones.
    private func push(_ make: (inout Dialect) -> [JSON]) async throws -> [JSON] {
        guard let record, record.keepsValues else { return make(&dialect) }
        let before = dialect
        let new = make(&dialect)
        do {
            // False means that the answer was deleted.
            guard try await record.append(new) else { throw CancellationError() }
            return new
        } catch {
            dialect = before
            throw error
        }
    }

    private func complete(_ usage: Usage) async -> [JSON] {
        let last = await end { $0.finish(usage, time: UnixTime.now) }
        isComplete = failure == nil
        return last
    }

    private func fail(_ error: any Error) async -> [JSON] {
        let mapped = models.isShuttingDown ? .serverStopped : APIError(any: error)
        logger.report("answer failed", error, as: mapped)
        failure = mapped
        return await end { $0.fail(mapped) }
    }

    /// Ends the answer and stores it. If a required record cannot be stored, the answer fails, so that no client relies on it. If the record
    /// is optional, the answer completes and reports that it was not stored.
    private func end(_ make: (inout Dialect) -> [JSON]) async -> [JSON] {
        isOver = true
        canceller.cancel()
        let before = dialect
        let last = make(&dialect)
        guard let record else { return last }
        do {
            try await record.finish(dialect, last)
            return last
        } catch {
            logger.error("answer could not be stored", metadata: ["error": "\(error)"])
            dialect = before
            let mapped = APIError(any: error)
            guard record.isRequired else {
                record.leave()
                obstacle = mapped
                dialect.leaveUnstored()
                return make(&dialect)
            }
            failure = failure ?? mapped
            let last = dialect.fail(mapped)
            record.finishLater(dialect, last)
            return last
        }
    }
}

extension Logger {
    /// Logs the failure of an answer. A client's mistake is not an error of the server, and neither is its shutdown.
    func report(_ message: Logger.Message, _ error: any Error, as mapped: APIError) {
        let level: Logger.Level = mapped.status < 500 || error is CancellationError ? .debug : .error
        log(level: level, message, metadata: ["error": "\(error)"])
    }
}
