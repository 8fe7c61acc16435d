package import ShimmyChat
import ShimmyCore
import Synchronization

/// A model whose answers are scripts: for tests of the code around a model.
package final class ScriptedGenerator: TextGenerator {
    /// A step of a script, as the consumer of the answer sees it.
    package enum Moment: Sendable {
        case event(AnswerEvent)
        case failure(any Error)
    }

    package let contextLength = 64
    /// The requests that arrived, in order.
    package var requests: [ChatRequest] { state.withLock { $0.requests } }
    /// The number of answers that were cancelled or released.
    package var ended: Int { state.withLock { $0.ended } }

    private struct State {
        var requests: [ChatRequest] = []
        var ended = 0
    }

    private let state = Mutex(State())
    private let report: AnswerReport
    private let script: @Sendable (_ choices: Int) throws -> [Moment]

    /// - script: returns an answer with this number of choices, or throws an error before the answer starts.
    package init(report: AnswerReport = AnswerReport(), script: @escaping @Sendable (_ choices: Int) throws -> [Moment]) {
        self.report = report
        self.script = script
    }

    /// Makes a model whose choices all say `texts`.
    package convenience init(says texts: [String], report: AnswerReport = AnswerReport()) {
        self.init(report: report) { choices in
            let parts = (0..<choices).flatMap { choice in
                texts.map { Moment.event(.delta(choice: choice, .content($0))) } + [.event(.finished(choice: choice, .stop))]
            }
            return parts + [.event(.ended(Usage(promptTokens: 3, cachedPromptTokens: 1, completionTokens: texts.count * choices)))]
        }
    }

    /// The model as a loader returns it.
    package func backend() -> Backend {
        let tools = FakeBackend()
        return Backend(contextLength: contextLength, fingerprint: "fp_test", generator: self, tokenizer: tools, engine: tools) {}
    }

    package func prepare(_ conversation: Conversation) async throws -> PreparedPrompt { PreparedPrompt(text: "a prompt", tokens: [1, 2, 3]) }

    package func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer {
        state.withLock { $0.requests.append(request) }
        return try answer(choices: request.choices, maximumTokens: request.maximumTokens, terms)
    }

    package func complete(_ request: TextRequest, terms: ServiceTerms) async throws -> sending Answer {
        try answer(choices: request.choices * request.prompts.count, maximumTokens: request.maximumTokens, terms)
    }

    private func answer(choices: Int, maximumTokens: Int?, _ terms: ServiceTerms) throws -> sending Answer {
        var rest = try script(choices)[...]
        // The prompt has the tokens of the script's end.
        var promptTokens = 3
        for case .event(.ended(let usage)) in rest { promptTokens = usage.promptTokens }
        let admitted = try terms.admitting(promptTokens: promptTokens)
        var report = report
        report.limitedTokens = report.limitedTokens ?? admitted.excess(of: maximumTokens)
        let canceller = Answer.Canceller(onCancel: { [self] in state.withLock { $0.ended += 1 } }, onNudge: {})
        return Answer(canceller: canceller, report: report) {
            switch rest.popFirst() {
            case .event(let event): event
            case .failure(let error): throw error
            case nil: nil
            }
        }
    }
}
