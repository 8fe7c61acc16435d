import Logging
package import ShimmyAPI
import ShimmyAccounts
package import ShimmyChat
import ShimmyModels

extension InferenceService {
    package func decide(_ request: DecisionsRequest, _ caller: Caller) async throws -> DecisionResult {
        try await charging(caller, .decisions) { caller in
            let lease = try await acquire(request.model, for: .chat, keepAlive: request.keepAlive)
            return try await observed(lease, caller) {
                do {
                    let result = try await lease.decider.decide(request.decision, terms: caller.terms())
                    return (value: result, usage: result.usage)
                } catch let error as GenerationError {
                    throw request.error(error)
                }
            }
        }
    }

    /// Serves a request of the server for which this process runs a model.
    package func decide(_ request: EngineDecisionRequest, _ caller: Caller) async throws -> DecisionOutcome {
        let lease = try await acquire(request.model, for: .chat)
        return try await observed(lease, caller) {
            do {
                let result = try await lease.decider.decide(request.decision, terms: caller.terms())
                return (value: DecisionOutcome.result(result), usage: result.usage)
            } catch GenerationError.badLabel(let question, let label, let reason) {
                let usage = Usage(promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0)
                return (value: DecisionOutcome.badLabel(question: question, label: label, reason), usage: usage)
            } catch let error as GenerationError {
                throw APIError(error, input: "input")
            }
        }
    }

    /// Does the work of a request that generates nothing, and reports it to the observer like an answer. The observer does not see a request
    /// that is refused before any work starts.
    func observed<Value: Sendable>(
        _ lease: ModelLease, _ caller: Caller, _ work: () async throws -> (value: Value, usage: Usage)
    ) async throws -> Value {
        caller.charge?.note(model: lease.record.id)
        var life = AnswerLife(model: lease.record.id, operation: .decision)
        let result: (value: Value, usage: Usage)
        do {
            result = try await work()
            (life.usage, life.outcome) = (result.usage, .completed)
        } catch is CancellationError where !models.isShuttingDown {
            tell(life, caller)
            throw CancellationError()
        } catch {
            let mapped = models.isShuttingDown ? .serverStopped : APIError(any: error)
            guard mapped.status >= 500 else { throw error }
            life.outcome = .failed(mapped)
            caller.logger.report("answer error", error, as: mapped)
            tell(life, caller)
            throw mapped
        }
        tell(life, caller)
        return result.value
    }

    private func tell(_ life: AnswerLife, _ caller: Caller) {
        var life = life
        life.ended = .now
        observer.ended(life, caller)
    }
}
