/// The log probabilities of tokens: natural logarithms of the model's own distribution, before any sampling parameter changes it.
package struct TokenLogprobs: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package var token: Token
        package var logprob: Float

        package init(token: Token, logprob: Float) {
            self.token = token
            self.logprob = logprob
        }
    }

    package var drawn: Entry
    /// The most likely tokens, as many as requested, most likely first.
    package var top: [Entry]

    package init(drawn: Entry, top: [Entry]) {
        self.drawn = drawn
        self.top = top
    }
}
