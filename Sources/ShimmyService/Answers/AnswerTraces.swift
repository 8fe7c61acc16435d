import ShimmyTracing

/// Ends the traces of answers without a request of their own: background responses, and responses over a WebSocket.
package struct AnswerTraces: AnswerObserver {
    package init() {}

    package func ended(_ life: AnswerLife, _ caller: Caller) {
        guard caller.request == nil, let trace = caller.trace else { return }
        var facts = RequestLife.Facts()
        facts.take(life)
        let span = AnswerSpan(facts)
        var attributes = span.attributes
        attributes.append(TraceAttribute("shimmy.end", life.end.rawValue))
        if let code = life.errorCode { attributes.append(TraceAttribute("error.type", code)) }
        trace.end(
            "\(life.operation.rawValue) \(life.model)", .internal, attributes, isError: life.errorCode != nil,
            phases: span.phases(since: caller.arrived))
    }
}
