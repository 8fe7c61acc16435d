/// The reason why a generation ended, in the detail that every API dialect needs.
package enum FinishReason: Sendable, Equatable {
    /// The model ended its turn (EOG), or a stop string was found.
    case stop
    /// The request's limit or the end of the context was reached.
    case length
    /// The answer contains tool calls. An engine, which only knows tokens, never returns this reason.
    case toolCalls
}
