package import Logging
package import ShimmyAPI
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
    /// The manager of the answer's model. If it shuts down, the answer fails.
    private let models: ModelManager
    private let caller: Caller
    private let observer: any AnswerObserver
    private var life: AnswerLife
    private var dialect: Dialect
    /// The values that the dialect began with, before a stream has sent them.
    private var first: [JSON]
    private var isOver = false
    /// Whether the answer came to its end, and neither failed nor was cancelled.
    private var isComplete = false
    /// The reason for a failure; nil if the answer has not failed.
    private var failure: APIError?
    /// The reason why the answer is not stored although it should be; nil otherwise.
    private var obstacle: APIError?

    /// - dialect: the dialect, after its beginning.
    /// - first: the values that the dialect began with.
    /// - record: the answer's record; nil if the answer is not stored.
    init(
        _ answer: sending Answer, _ lease: ModelLease, _ dialect: Dialect, first: [JSON] = [], record: (any AnswerRecord<Dialect>)?,
        _ models: ModelManager, _ observer: any AnswerObserver, _ caller: Caller
    ) {
        canceller = answer.canceller
        self.answer = answer
        self.lease = lease
        self.dialect = dialect
        self.first = first
        self.record = record
        self.models = models
        self.observer = observer
        self.caller = caller
        let isText = Dialect.self == CompletionDialect.self || Dialect.self == LlamaServerDialect.self
        life = AnswerLife(model: lease.record.id, operation: isText ? .textCompletion : .chat)
    }

    deinit {
        guard !isOver else { return }
        tellObserver()
        guard let record else { return }
        var dialect = dialect
        let last = dialect.cancel()
        Task { [dialect] in await record.finishSurely(dialect, last) }
    }

    private func tellObserver() {
        life.ended = .now
        if let failure { life.outcome = .failed(failure) } else if isComplete { life.outcome = .completed }
        observer.ended(life, caller)
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
                case .delta(let choice, let delta):
                    life.firstPart = life.firstPart ?? .now
                    life.parts += 1
                    caller.request?.inspection?.note(delta, choice: choice)
                    new = try await push { $0.push(delta, choice: choice) }
                case .fact(let choice, let fact):
                    life.take(fact)
                    new = try await push { $0.push(fact, choice: choice) }
                case .finished(let choice, let reason):
                    life.finish = reason
                    new = try await push { $0.push(reason, choice: choice) }
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
        life.usage = usage
        isComplete = true
        return await end { $0.finish(usage, time: UnixTime.now) }
    }

    private func fail(_ error: any Error) async -> [JSON] {
        let mapped = models.isShuttingDown ? .serverStopped : APIError(any: error)
        caller.logger.report("answer error", error, as: mapped)
        failure = mapped
        return await end { $0.fail(mapped) }
    }

    /// Ends the answer and stores it. If a required record cannot be stored, the answer fails, so that no client relies on it. If the record
    /// is optional, the answer completes and reports that it was not stored.
    private func end(_ make: (inout Dialect) -> [JSON]) async -> [JSON] {
        isOver = true
        canceller.cancel()
        defer { tellObserver() }
        let before = dialect
        let last = make(&dialect)
        guard let record else { return last }
        do {
            try await record.finish(dialect, last)
            return last
        } catch {
            caller.logger.error("answer could not be stored", metadata: ["error": "\(error)"])
            dialect = before
            let mapped = APIError(any: error)
            guard record.isRequired else {
                record.leave()
                obstacle = mapped
                dialect.leaveUnstored()
                return make(&dialect)
            }
            failure = failure ?? mapped
            isComplete = false
            let last = dialect.fail(mapped)
            record.finishLater(dialect, last)
            return last
        }
    }
}

extension AnswerRun: RunningAnswer {
    func nextBytes() async -> [UInt8]? {
        if !first.isEmpty {
            defer { first = [] }
            return first.flatMap(Dialect.framing.frame)
        }
        return switch await next() {
        case nil: nil
        case .idle: Dialect.framing.ping
        case .values(let values): values.flatMap(Dialect.framing.frame) + (isComplete ? Dialect.framing.end : [])
        }
    }

    func nextValues() async -> [JSON]? {
        if !first.isEmpty {
            defer { first = [] }
            return first
        }
        return switch await next() {
        case nil: nil
        case .idle: []
        case .values(let values): values
        }
    }

    func whole() async throws -> WholeAnswer {
        while await next() != nil {}
        if let failure { throw failure }
        guard let whole = dialect.whole else { throw APIError.cancelled }
        var report = AnswerReport()
        (report.unfit, report.usage) = (life.unfit, life.usage?.source ?? .reported)
        return WholeAnswer(json: whole, obstacle: obstacle, report: report)
    }

    /// Cancels the answer, and reads it to its end so that the result is stored.
    func abandon() async {
        canceller.cancel()
        while await next() != nil {}
    }
}

extension Logger {
    /// Logs the failure of an answer. A client's mistake is not an error of the server, and neither is its shutdown.
    package func report(_ message: Logger.Message, _ error: any Error, as mapped: APIError) {
        if mapped.status >= 500, !(error is CancellationError) { return self.error(message, metadata: ["error": "\(error)"]) }
        // The message of a client's mistake can contain text of the request.
        debug(message, metadata: ["status": .stringConvertible(mapped.status), "code": "\(mapped.code ?? mapped.type)"])
    }
}
