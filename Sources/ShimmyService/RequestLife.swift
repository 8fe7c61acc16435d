package import ShimmyAPI
package import ShimmyAccounts
package import ShimmyChat
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
/// It contains no text of clients: neither prompts nor answers nor keys. Only its inspection does, if the server inspects requests.
package final class RequestLife: Sendable {
    package struct Facts: Sendable {
        /// The id of the model's record; nil if the request uses no model, or none that exists.
        package fileprivate(set) var model: String?
        package fileprivate(set) var isStreamed = false
        package fileprivate(set) var promptTokens: Int?
        package fileprivate(set) var cachedTokens: Int?
        package fileprivate(set) var completionTokens: Int?
        /// The origin of the token counts.
        package fileprivate(set) var usageSource = Usage.Source.reported
        /// The parts of the answer without the requested form. See `AnswerReport.unfit`.
        package fileprivate(set) var unfit: [String] = []
        /// The times of `AnswerLife`.
        package fileprivate(set) var begun: ContinuousClock.Instant?
        package fileprivate(set) var firstPart: ContinuousClock.Instant?
        /// The time of the answer's end; nil if the request has none.
        package fileprivate(set) var answered: ContinuousClock.Instant?
        /// The operation of the answer; nil if the request has none.
        package fileprivate(set) var operation: AnswerLife.Operation?
        /// The code of the error that refused the request or ended the answer; nil for none.
        package fileprivate(set) var errorCode: String?
        /// The status of the response; nil if there is none, for example because the client disconnected before.
        package fileprivate(set) var status: Int?
        /// The end of the answer; nil if the request has none.
        package fileprivate(set) var end: RequestEnd?
        /// The owner by a name that is not secret, if the request has a key; nil otherwise.
        package fileprivate(set) var keyOwner: String?
        /// The name of the request's key; nil if it has none.
        package fileprivate(set) var keyName: String?

        init() {}
    }

    private struct State {
        var facts = Facts()
        var hasDisconnected = false
        var key: AccessKey?
        var user: String?
        var inputBytes = 0
        var onEnd: (@Sendable (Facts) -> Void)?
    }

    private let state: Mutex<State>
    /// The texts of the request; nil unless the server inspects requests.
    package let inspection: RequestInspection?

    /// - onEnd: called once with all facts, when the response is complete or can no longer be sent.
    package init(inspection: RequestInspection? = nil, onEnd: @escaping @Sendable (Facts) -> Void) {
        state = Mutex(State(onEnd: onEnd))
        self.inspection = inspection
    }

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

    /// Notes the status of the response, unless the client disconnected before and gets none.
    package func note(status: Int) { state.withLock { $0.facts.status = $0.hasDisconnected ? nil : status } }

    /// Notes the error of the response, unless an answer ended with one before.
    package func note(_ error: APIError) { state.withLock { $0.facts.errorCode = $0.facts.errorCode ?? error.code ?? error.type } }

    package func note(promptTokens: Int) { state.withLock { $0.facts.promptTokens = promptTokens } }

    /// - name: the name of the key; nil if it has none.
    package func note(keyOwner: String, name: String? = nil) {
        state.withLock {
            $0.facts.keyOwner = keyOwner
            $0.facts.keyName = name
        }
    }

    /// The properties of the request's key; nil before the check of the key, and for a key without a name.
    package var key: AccessKey? { state.withLock { $0.key } }

    package func note(key: AccessKey?) { state.withLock { $0.key = key } }

    /// The end user that the request's body names, and the size of the body.
    package var input: (user: String?, bytes: Int) { state.withLock { ($0.user, $0.inputBytes) } }

    package func note(user: String?, inputBytes: Int) {
        state.withLock {
            $0.user = user
            $0.inputBytes = inputBytes
        }
    }

    /// Notes that the client disconnected, unless the answer was complete before.
    package func noteDisconnect() {
        state.withLock {
            $0.hasDisconnected = true
            $0.facts.end = $0.facts.end ?? .disconnect
        }
    }

    /// Notes the error with which a response ended that had begun, and in which the client sees no error.
    package func noteBreak(_ error: APIError) {
        note(error)
        state.withLock { $0.facts.end = .error }
    }

    func note(_ life: AnswerLife) { state.withLock { $0.facts.take(life) } }
}

extension RequestLife.Facts {
    mutating func take(_ life: AnswerLife) {
        model = life.model
        promptTokens = (life.usage ?? life.prompt)?.promptTokens
        cachedTokens = (life.usage ?? life.prompt)?.cachedPromptTokens
        completionTokens = life.usage?.completionTokens
        (usageSource, unfit) = (life.usage?.source ?? .reported, life.unfit)
        begun = life.begun
        firstPart = life.firstPart
        answered = life.ended
        operation = life.operation
        errorCode = life.errorCode ?? errorCode
        end = life.end
    }
}
