package import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
package import ShimmyModels

extension InferenceService {
    /// Rates the texts of a request. Returns the model, and for each text the score of each category.
    package func moderate(_ request: ModerationsRequest, _ caller: Caller) async throws -> (model: ModelRecord, scores: [[Double]]) {
        try await charging(caller, .moderations) { caller in try await rate(request, caller) }
    }

    private func rate(_ request: ModerationsRequest, _ caller: Caller) async throws -> (model: ModelRecord, scores: [[Double]]) {
        let lease = try await models.acquire(try await moderator(request.model), keepAlive: request.keepAlive)
        let method = ModerationMethod(template: lease.backend.tokenizer.facts.template)
        let scores = try await observed(lease, caller) {
            var usage = Usage(promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0)
            var scores: [[Double]] = []
            for (index, text) in request.texts.enumerated() {
                do {
                    var results: [DecisionResult] = []
                    for decision in method.requests(for: text) {
                        let result = try await lease.decider.decide(decision, terms: caller.terms(after: usage.promptTokens))
                        usage.promptTokens += result.usage.promptTokens
                        usage.cachedPromptTokens += result.usage.cachedPromptTokens
                        results.append(result)
                    }
                    scores.append(method.scores(results))
                } catch {
                    // The decisions before this one are computed.
                    if usage.promptTokens > 0 { caller.charge?.end(usage) }
                    guard let error = error as? GenerationError else { throw error }
                    throw APIError(error, input: request.path(ofText: index))
                }
            }
            return (value: scores, usage: usage)
        }
        return (lease.record, scores)
    }

    /// Returns the model that a request means: the one that it names, or the first one that the configuration marks for moderation.
    private func moderator(_ name: String?) async throws -> ModelRecord {
        if let name {
            let isKnown = (try? await models.find(name)) != nil
            if isKnown || !ModerationsRequest.isOpenAIs(name) {
                let record = try await models.findUsable(name, for: .chat)
                guard presets(record).moderates else { throw APIError.notForModeration(name) }
                return record
            }
        }
        guard let record = await models.list().first(where: { $0.isUsable && presets($0).moderates }) else { throw APIError.noModerationModel }
        return record
    }
}

extension APIError {
    private static let advice = "Set 'moderation = true' in the model's table of shimmy.toml."

    fileprivate static func notForModeration(_ name: String) -> APIError {
        APIError(
            status: 400, message: "The model '\(name)' is not marked for moderation. \(advice)", param: "model", code: "model_not_usable")
    }

    fileprivate static let noModerationModel = APIError(
        status: 404, message: "No model of this server is marked for moderation. \(advice)", param: "model", code: "model_not_found")
}
