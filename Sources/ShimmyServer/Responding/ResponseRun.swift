import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyModels

/// Makes one response: reads its answer, produces its events and stores the result. Only one task may use it. If it is released before its
/// end, the work stops and the response is cancelled.
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
    /// The reason for a failure; nil if the response has not failed.
    private(set) var failure: APIError?
    /// The reason why the response is not stored although it should be; nil otherwise.
    private(set) var obstacle: APIError?

    /// - record: the response's record; nil if the response is not stored.
    /// - models: the manager of the answer's model; if it shuts down, the response fails.
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

    /// Returns the next events, after storing them if required; empty for a ping, nil after the last events.
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

    /// Produces the events for a delta. If they cannot be stored, they are not sent either, and the response's last events continue from
    /// the earlier ones.
    private func push(_ delta: AnswerDelta) async throws -> [JSON] {
        guard let record, record.keepsEvents else { return events.push(delta) }
        let before = events
        let new = events.push(delta)
        do {
            // False means that the response was deleted.
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

    /// Ends the response and stores it. If a required record cannot be stored, the response fails, so that no client relies on it. If the
    /// record is optional, the response completes and reports that it was not stored.
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
