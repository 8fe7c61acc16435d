import ShimmyChat
import ShimmyCore
import Synchronization

/// The end of a request in a word, for logs and metrics.
package enum RequestEnd: String, Sendable {
    case stop, length
    case toolCalls = "tool_calls"
    /// The client disconnected before the response was complete.
    case disconnect
    /// The response is an error, or ends with one.
    case error
    /// The response is complete, and is not a generated answer.
    case noAnswer = "none"

    init(_ reason: FinishReason) {
        self =
            switch reason {
            case .stop: .stop
            case .length: .length
            case .toolCalls: .toolCalls
            }
    }
}

/// The facts about a request, for its line in the log and for metrics. They are recorded while the server handles the request.
///
/// It contains no text of clients: neither prompts nor answers nor keys.
package final class RequestLife: Sendable {
    package struct Facts: Sendable {
        /// The id of the model's record; nil if the request uses no model, or none that exists.
        package fileprivate(set) var model: String?
        package fileprivate(set) var isStreamed = false
        package fileprivate(set) var promptTokens: Int?
        package fileprivate(set) var cachedTokens: Int?
        package fileprivate(set) var completionTokens: Int?
        /// The times of `AnswerLife`.
        package fileprivate(set) var begun: ContinuousClock.Instant?
        package fileprivate(set) var firstPart: ContinuousClock.Instant?
        /// The status of the response; nil if there is none.
        package fileprivate(set) var status: Int?
        /// The end of the answer; nil if the request has none.
        package fileprivate(set) var end: RequestEnd?
        /// The owner by a name that is not secret, if the request has a key; nil otherwise.
        package fileprivate(set) var keyOwner: String?
    }

    private struct State {
        var facts = Facts()
        var onEnd: (@Sendable (Facts) -> Void)?
    }

    private let state: Mutex<State>

    /// - onEnd: called once with all facts, when the response is complete or can no longer be sent.
    package init(onEnd: @escaping @Sendable (Facts) -> Void) { state = Mutex(State(onEnd: onEnd)) }

    // A response whose body is not written, such as that of HEAD, ends when nothing refers to the request any more.
    deinit { ended() }

    package func ended() {
        let (facts, onEnd) = state.withLock { state in
            defer { state.onEnd = nil }
            return (state.facts, state.onEnd)
        }
        onEnd?(facts)
    }

    // MARK: Facts

    /// - model: the id of a record, never the text of a request.
    package func note(model: String, isStreamed: Bool = false) {
        state.withLock {
            $0.facts.model = model
            $0.facts.isStreamed = isStreamed
        }
    }

    package func note(status: Int) { state.withLock { $0.facts.status = status } }

    package func note(promptTokens: Int) { state.withLock { $0.facts.promptTokens = promptTokens } }

    package func note(keyOwner: String) { state.withLock { $0.facts.keyOwner = keyOwner } }

    /// Notes that the client disconnected, unless the answer was complete before.
    package func noteDisconnect() { state.withLock { $0.facts.end = $0.facts.end ?? .disconnect } }

    func note(_ life: AnswerLife) {
        state.withLock {
            $0.facts.model = life.model
            $0.facts.promptTokens = (life.usage ?? life.prompt)?.promptTokens
            $0.facts.cachedTokens = (life.usage ?? life.prompt)?.cachedPromptTokens
            $0.facts.completionTokens = life.usage?.completionTokens
            $0.facts.begun = life.begun
            $0.facts.firstPart = life.firstPart
            $0.facts.end = life.end
        }
    }
}
