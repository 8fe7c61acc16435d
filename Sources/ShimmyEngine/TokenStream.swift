package import ShimmyCore
import Synchronization

/// An error that prevents a sequence from continuing. The text is for the operator's log and the client's error.
package struct EngineError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    /// The constraint allows no token although the text is incomplete. In most cases the grammar is so ambiguous that the engine does not follow
    /// all readings of the text.
    package static let noContinuation = EngineError("no token can continue the answer under its grammar or schema, which may be too ambiguous")
}

/// A delivery of a `TokenStream`: all tokens since the last one.
package struct TokenDelivery: Sendable, Equatable {
    /// The new tokens; often empty in the last delivery.
    package var tokens: [Token] = []
    /// The log probabilities, one for each token, if the sequence requested them.
    package var logprobs: [TokenLogprobs] = []
    /// The log probabilities of the prompt's tokens without the first, or those of the request's probes. All of them arrive before the first token.
    package var promptLogprobs: [TokenLogprobs] = []
    /// The part of the prompt that was in the cache; set from the first token on, nil before.
    package var start: PromptStart?
    /// The end of the sequence; set on the last delivery, nil before.
    package var end: SequenceEnd?

    package init(tokens: [Token] = [], start: PromptStart? = nil, end: SequenceEnd? = nil) {
        self.tokens = tokens
        self.start = start
        self.end = end
    }
}

/// The stream of one sequence's tokens from the engine's thread to the one task that consumes them.
///
/// The engine never waits for a consumer: tokens that were not fetched yet are delivered together. Memory is bounded by the sequence's own token
/// limit. Dropping a stream cancels its sequence.
package final class TokenStream: Sendable {
    private struct State {
        var pending = TokenDelivery()
        var failure: (any Error)?
        var ended = false
        var waiter: CheckedContinuation<Void, Never>?
        var listener: (@Sendable () -> Void)?

        /// Whether there is anything to deliver. Scores alone do not count, since those of the prompt are delivered as a whole.
        var hasNews: Bool { !pending.tokens.isEmpty || pending.end != nil || failure != nil || ended }
    }

    private let state = Mutex(State())
    private let onCancel: @Sendable () -> Void

    package init(onCancel: @escaping @Sendable () -> Void = {}) { self.onCancel = onCancel }

    deinit {
        if state.withLock({ !$0.ended }) { onCancel() }
    }

    // MARK: The consumer's side

    /// Waits for the next delivery. Returns nil after the end. Throws `CancellationError` once cancelled and `EngineError` when the engine failed.
    package func next() async throws -> TokenDelivery? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state in
                    if state.hasNews { return true }
                    precondition(state.waiter == nil, "a token stream has one consumer")
                    state.waiter = continuation
                    return false
                }
                if ready { continuation.resume() }
            }
        } onCancel: {
            cancel()
        }
        return try poll()
    }

    /// Returns everything that has arrived since the last call; nil for nothing. Throws as `next()` does.
    func poll() throws -> TokenDelivery? {
        try state.withLock { state in
            if state.pending.tokens.isEmpty, state.pending.end == nil {
                if let failure = state.failure { throw failure }
                return nil
            }
            defer { state.pending = TokenDelivery(start: state.pending.start) }
            return state.pending
        }
    }

    /// Calls `listener` whenever there is something to deliver, from any thread, and at once when there already is.
    func listen(_ listener: @escaping @Sendable () -> Void) {
        let hasNews = state.withLock { state in
            state.listener = listener
            return state.hasNews
        }
        if hasNews { listener() }
    }

    /// Stops the sequence within one step, at any stage. Any thread may call it.
    package func cancel() {
        let first = wake { state in
            guard !state.ended else { return false }
            state.ended = true
            state.failure = CancellationError()
            state.pending.tokens = []
            state.pending.logprobs = []
            return true
        }
        if first { onCancel() }
    }

    // MARK: The engine's side

    /// Whether the stream has ended, failed or was cancelled.
    var isEnded: Bool { state.withLock { $0.ended } }

    /// Whether the sequence failed or was cancelled.
    var hasFailed: Bool { state.withLock { $0.failure != nil } }

    /// Records the part of the prompt that was in the cache. The consumer receives it with the first token.
    package func start(_ start: PromptStart) {
        state.withLock { $0.pending.start = start }
    }

    package func yield(scores: [TokenLogprobs]) {
        state.withLock { state in
            if !state.ended { state.pending.promptLogprobs += scores }
        }
    }

    package func yield(_ token: Token, logprobs: TokenLogprobs? = nil) {
        wake { state in
            guard !state.ended else { return }
            state.pending.tokens.append(token)
            if let logprobs { state.pending.logprobs.append(logprobs) }
        }
    }

    package func finish(_ end: SequenceEnd) {
        wake { state in
            guard !state.ended else { return }
            state.ended = true
            state.pending.end = end
        }
    }

    package func fail(_ error: any Error) {
        wake { state in
            guard !state.ended else { return }
            state.ended = true
            state.failure = error
        }
    }

    /// Changes the state. When there is something to deliver, it resumes the consumer and calls the listener, outside the lock.
    @discardableResult
    private func wake<Result: Sendable>(_ change: (inout sending State) -> Result) -> Result {
        let (result, waiter, listener) = state.withLock { state in
            let result = change(&state)
            guard state.hasNews else { return (result, CheckedContinuation<Void, Never>?.none, (@Sendable () -> Void)?.none) }
            defer { state.waiter = nil }
            return (result, state.waiter, state.listener)
        }
        waiter?.resume()
        listener?()
        return result
    }
}
