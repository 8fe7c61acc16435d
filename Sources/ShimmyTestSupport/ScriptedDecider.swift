package import ShimmyChat
import Synchronization

/// A model whose decisions are scripted: for tests of the code around a model.
package final class ScriptedDecider: Decider {
    /// The requests that arrived, in order.
    package var requests: [DecisionRequest] { state.withLock { $0 } }
    private let state = Mutex([DecisionRequest]())
    private let template: String
    private let script: @Sendable (DecisionRequest.Question) throws -> [Double]

    /// - template: the model's chat template.
    /// - script: returns the probabilities of a question's labels, or throws an error in place of the result.
    package init(template: String = "", script: @escaping @Sendable (DecisionRequest.Question) throws -> [Double]) {
        self.template = template
        self.script = script
    }

    /// The model as a loader returns it.
    package func backend() -> Backend {
        let tools = FakeBackend(template: template)
        return Backend(contextLength: 64, fingerprint: "fp_test", decider: self, tokenizer: tools, engine: tools) {}
    }

    package func decide(_ request: DecisionRequest, terms: ServiceTerms) async throws -> DecisionResult {
        state.withLock { $0.append(request) }
        let probabilities = try request.questions.map { try script($0) }
        return DecisionResult(
            probabilities: probabilities, usage: Usage(promptTokens: 10 * probabilities.count, cachedPromptTokens: 4, completionTokens: 0))
    }
}
