import ShimmyChat
package import ShimmyMetrics

/// Records each answer that began as metrics.
package struct AnswerMetrics: AnswerObserver {
    private let registry: MetricsRegistry

    package init(_ registry: MetricsRegistry) { self.registry = registry }

    package func ended(_ life: AnswerLife, _ caller: Caller) {
        registry.count(ServerMetrics.answerCount, ["model": life.model, "end": life.end.rawValue])
        count(life)
        guard let end = life.ended else { return }
        record(ServerMetrics.duration, end - caller.arrived, life)
        if let begun = life.begun {
            registry.record(ServerMetrics.queueSeconds, max(0, (begun - caller.arrived) / .seconds(1)), ["model": life.model])
        }
        guard let first = life.firstPart else { return }
        record(ServerMetrics.firstToken, first - caller.arrived, life)
        if let tokens = life.usage?.completionTokens, tokens > 1 { record(ServerMetrics.perToken, (end - first) / (tokens - 1), life) }
    }

    /// Counts the tokens. Those of the prompt are known even if the model did not finish.
    private func count(_ life: AnswerLife) {
        guard let prompt = life.usage ?? life.prompt else { return }
        count("input", prompt.promptTokens, life)
        count("cached", prompt.cachedPromptTokens, life)
        record("input", prompt.promptTokens, life)
        guard let usage = life.usage else { return }
        count("output", usage.completionTokens, life)
        count("reasoning", usage.reasoningTokens, life)
        record("output", usage.completionTokens, life)
    }

    private func count(_ type: String, _ tokens: Int, _ life: AnswerLife) {
        registry.count(ServerMetrics.tokens, by: tokens, ["model": life.model, "type": type])
    }

    private func record(_ type: String, _ tokens: Int, _ life: AnswerLife) {
        registry.record(
            ServerMetrics.tokenUsage, Double(tokens),
            [
                "gen_ai_operation_name": life.operation.rawValue, "gen_ai_provider_name": Self.provider, "gen_ai_request_model": life.model,
                "gen_ai_token_type": type,
            ])
    }

    private func record(_ metric: MetricDescription, _ duration: Duration, _ life: AnswerLife) {
        registry.record(
            metric, max(0, duration / .seconds(1)),
            [
                "gen_ai_operation_name": life.operation.rawValue, "gen_ai_provider_name": Self.provider, "gen_ai_request_model": life.model,
            ])
    }

    private static let provider = "shimmy"
}

/// Several observers of the same answers.
package struct AnswerObservers: AnswerObserver {
    private let all: [any AnswerObserver]

    package init(_ all: [any AnswerObserver]) { self.all = all }

    package func ended(_ life: AnswerLife, _ caller: Caller) {
        for observer in all { observer.ended(life, caller) }
    }
}
