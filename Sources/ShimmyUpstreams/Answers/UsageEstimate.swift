import ShimmyChat
import ShimmyCore
import ShimmyRouting

/// Counts the tokens of an answer whose upstream does not report them: with the upstream's tokenizer, or by the sizes of the texts.
struct UsageEstimate: Sendable {
    /// Counts tokens at the upstream. Both functions throw `UpstreamFailure` or `CancellationError`.
    struct Counter: Sendable {
        /// Counts the tokens of the prompt; nil if that is too much work.
        let prompt: (@Sendable () async throws -> Int)?
        let text: @Sendable (String) async throws -> Int
    }

    /// The counts that an upstream did not report.
    struct Missing: Sendable, Equatable {
        var prompt = false
        var answer = false
    }

    /// The estimated number of the prompt's tokens.
    let promptTokens: Int
    private let counter: Counter?
    /// The texts of the choices, for the counter, and the number of their bytes. Beyond a limit, the texts are dropped.
    private var texts: [Int: String] = [:]
    private var textBytes = 0
    /// The bytes and the parts of the answer. A part has at least about one token.
    private var bytes = 0
    private var parts = 0

    /// - promptTokens: the estimated number of the prompt's tokens.
    init(promptTokens: Int, _ counter: Counter?) {
        self.promptTokens = promptTokens
        self.counter = counter
    }

    /// Returns the estimated number of tokens of a text.
    static func tokens(bytes: Int) -> Int { (max(0, bytes).saturated(adding: RoutedRequest.bytesPerToken - 1)) / RoutedRequest.bytesPerToken }

    mutating func note(_ event: AnswerEvent) {
        guard case .delta(let choice, let delta) = event else { return }
        bytes = bytes.saturated(adding: delta.size)
        parts = parts.saturated(adding: 1)
        guard counter != nil, textBytes <= UpstreamLimits.heldBytes else { return }
        textBytes = textBytes.saturated(adding: delta.size)
        if textBytes > UpstreamLimits.heldBytes { return texts = [:] }
        switch delta {
        case .content(let text, _), .reasoning(let text), .arguments(_, let text), .call(_, _, let text): texts[choice, default: ""] += text
        }
    }

    /// Returns the counts after adding those that are missing. Throws `CancellationError`.
    func completed(_ usage: Usage, _ missing: Missing) async throws -> Usage {
        var usage = usage
        let lacksAnswer = missing.answer && parts > 0
        guard missing.prompt || lacksAnswer else { return usage }
        usage.source = .counted
        if missing.prompt {
            if let prompt = counter?.prompt, let tokens = try await Self.counted(prompt) {
                usage.promptTokens = max(usage.promptTokens, tokens)
            } else {
                usage.promptTokens = max(usage.promptTokens, promptTokens)
                usage.source = .estimated
            }
        }
        if lacksAnswer {
            if let tokens = try await answerTokens() {
                usage.completionTokens = max(usage.completionTokens, tokens)
            } else {
                usage.completionTokens = max(usage.completionTokens, Self.tokens(bytes: bytes), parts)
                usage.source = .estimated
            }
        }
        return usage
    }

    /// Returns the counts of a complete answer. Those that the upstream did not report are estimated by the sizes of the texts.
    static func estimated(_ events: [AnswerEvent], _ missing: Missing, promptTokens: Int) async throws -> Usage {
        var estimate = UsageEstimate(promptTokens: promptTokens, nil)
        var usage = Usage(promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0)
        for event in events {
            estimate.note(event)
            if case .ended(let counts) = event { usage = counts }
        }
        return try await estimate.completed(usage, missing)
    }

    /// Returns the number of the answer's tokens; nil if they cannot be counted.
    private func answerTokens() async throws -> Int? {
        guard let counter, textBytes <= UpstreamLimits.heldBytes else { return nil }
        var sum = 0
        for (_, text) in texts.sorted(by: { $0.key < $1.key }) {
            guard let tokens = try await Self.counted({ try await counter.text(text) }) else { return nil }
            sum = sum.saturated(adding: tokens)
        }
        return sum
    }

    private static func counted(_ count: () async throws -> Int) async throws -> Int? {
        do {
            return try await count()
        } catch is UpstreamFailure {
            return nil
        }
    }
}
