package import ShimmyTracing

/// An answer as a span of a trace, with the names of OpenTelemetry's conventions for generative AI. It contains no text of clients.
package struct AnswerSpan {
    private let facts: RequestLife.Facts

    /// - facts: the facts about a request. It can have no answer, and even no model.
    package init(_ facts: RequestLife.Facts) { self.facts = facts }

    package var attributes: [TraceAttribute] {
        guard let model = facts.model else { return [] }
        var attributes = [TraceAttribute("gen_ai.request.model", model)]
        guard let operation = facts.operation else { return attributes }
        attributes += [
            TraceAttribute("gen_ai.operation.name", operation.rawValue), TraceAttribute("gen_ai.provider.name", "shimmy"),
            TraceAttribute("gen_ai.response.model", model),
        ]
        if let tokens = facts.promptTokens { attributes.append(TraceAttribute("gen_ai.usage.input_tokens", tokens)) }
        if let tokens = facts.cachedTokens { attributes.append(TraceAttribute("gen_ai.usage.cache_read.input_tokens", tokens)) }
        if let tokens = facts.completionTokens { attributes.append(TraceAttribute("gen_ai.usage.output_tokens", tokens)) }
        switch facts.end {
        case .stop, .length, .toolCalls:
            if let end = facts.end { attributes.append(TraceAttribute("gen_ai.response.finish_reasons", .texts([end.rawValue]))) }
        case .disconnect, .error, .noAnswer, nil: break
        }
        return attributes
    }

    /// Returns the parts of the answer's time: until the engine begins with the prompt, until the first part of the answer, and until its end.
    package func phases(since arrived: ContinuousClock.Instant) -> [RequestTrace.Phase] {
        guard let begun = facts.begun, let answered = facts.answered else { return [] }
        let first = facts.firstPart ?? answered
        var phases = [RequestTrace.Phase("queue", from: arrived, to: begun), RequestTrace.Phase("prefill", from: begun, to: first, prefill)]
        if facts.firstPart != nil { phases.append(RequestTrace.Phase("decode", from: first, to: answered, decode)) }
        return phases
    }

    private var prefill: [TraceAttribute] {
        let counts = [("gen_ai.usage.input_tokens", facts.promptTokens), ("gen_ai.usage.cache_read.input_tokens", facts.cachedTokens)]
        return counts.compactMap { name, count in count.map { TraceAttribute(name, $0) } }
    }

    private var decode: [TraceAttribute] { facts.completionTokens.map { [TraceAttribute("gen_ai.usage.output_tokens", $0)] } ?? [] }
}
