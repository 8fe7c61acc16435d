package import ShimmyAPI
package import ShimmyTracing

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

    /// Ends the trace of an answer that could not begin. Does nothing if the trace has ended.
    /// - model: the id of the model's record; nil if the request has none that is known.
    /// - error: the reason; `APIError.cancelled` if the client no longer wants the answer.
    package static func end(_ trace: RequestTrace?, model: String?, with error: APIError) {
        guard let trace else { return }
        let operation = AnswerLife.Operation.chat.rawValue
        let isCancelled = error == .cancelled
        var attributes = model.map { [TraceAttribute("gen_ai.request.model", $0)] } ?? []
        attributes.append(TraceAttribute("shimmy.end", (isCancelled ? RequestEnd.disconnect : .error).rawValue))
        if !isCancelled { attributes.append(TraceAttribute("error.type", error.code ?? error.type)) }
        trace.end(model.map { "\(operation) \($0)" } ?? operation, .internal, attributes, isError: error.status >= 500)
    }
}
