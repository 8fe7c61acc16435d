import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyModels

/// Makes one response: reads its answer, tells its events, keeps what came of it. Used by one task.
/// Dropping it before its end stops the work and leaves a cancelled response.
final class ResponseRun {
    let canceller: Answer.Canceller
    private let answer: Answer
    private let lease: ModelLease
    private let record: ResponseRecord?
    private let models: ModelManager
    private let logger: Logger
    private var events: ResponseEvents
    private var reason = FinishReason.stop
    private var isOver = false
    /// Why it failed; nil otherwise.
    private(set) var failure: APIError?
    /// Why it is not kept though it should be; nil otherwise.
    private(set) var obstacle: APIError?

    /// - record: nil for a response that is not kept.
    /// - models: those who made the answer; when they shut down it fails.
    init(
        _ answer: sending Answer, _ lease: ModelLease, _ events: ResponseEvents, _ record: ResponseRecord?, _ models: ModelManager,
        _ logger: Logger
    ) {
        canceller = answer.canceller
        self.answer = answer
        self.lease = lease
        self.events = events
        self.record = record
        self.models = models
        self.logger = logger
    }

    deinit {
        guard !isOver, let record else { return }
        var events = events
        let last = events.cancel()
        let object = events.object
        Task { await record.finishSurely(object, last) }
    }

    var object: ResponseObject { events.object }

    /// The next events, kept where they have to be; none for a sign of life. Nil after the last ones.
    func next() async -> [JSON]? {
        while !isOver {
            do {
                guard let event = try await answer.nextEvent() else { throw APIError.internal("The answer ended without a reason.") }
                switch event {
                case .prompt: continue
                case .idle: return []
                case .finished(_, let reason): self.reason = reason
                case .ended(let usage): return await end { $0.finish(self.reason, usage: usage, time: UnixTime.now) }
                case .delta(_, let delta):
                    let new = try await push(delta)
                    if !new.isEmpty { return new }
                }
            } catch is CancellationError where !models.isShuttingDown {
                return await end { $0.cancel() }
            } catch {
                return await fail(error)
            }
        }
        return nil
    }

    /// What could not be kept was not told either: the events that end the response go on from those before.
    private func push(_ delta: AnswerDelta) async throws -> [JSON] {
        guard let record, record.keepsEvents else { return events.push(delta) }
        let before = events
        let new = events.push(delta)
        do {
            // Otherwise somebody deleted it.
            guard try await record.append(new) else { throw CancellationError() }
            return new
        } catch {
            events = before
            throw error
        }
    }

    private func fail(_ error: any Error) async -> [JSON] {
        let mapped = models.isShuttingDown ? .serverStopped : APIError(any: error)
        logger.error("a response failed", metadata: ["response": "\(object.id)", "error": "\(error)"])
        failure = mapped
        return await end { $0.fail(mapped) }
    }

    /// What has to be kept and cannot be is a failure: nobody shall believe in it. What is kept by default says that it was not.
    private func end(_ make: (inout ResponseEvents) -> [JSON]) async -> [JSON] {
        isOver = true
        canceller.cancel()
        let before = events
        let last = make(&events)
        guard let record else { return last }
        do {
            try await record.finish(events.object, last)
            return last
        } catch {
            logger.error("a response could not be kept", metadata: ["response": "\(object.id)", "error": "\(error)"])
            events = before
            guard record.isRequired else {
                record.leave()
                obstacle = APIError(any: error)
                events.leaveUnstored()
                return make(&events)
            }
            let mapped = APIError(any: error)
            failure = failure ?? mapped
            let last = events.fail(mapped)
            record.finishLater(events.object, last)
            return last
        }
    }
}
