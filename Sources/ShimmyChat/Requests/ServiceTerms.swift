package import ShimmyCore
package import ShimmyEngine

/// The owner and the urgency of a request.
package struct ServiceTerms: Sendable {
    /// The owner whose fair share of the engine includes the request.
    package var owner: Owner
    /// Whether the request runs only when there is no other work.
    package var isFlex: Bool
    /// The max tokens of each answer, whatever the request asks for; nil for no limit.
    package var maximumTokens: Int?
    /// The end user that the client names, or the name of the client's key; nil for neither.
    package var user: String?
    /// The servers that the request has passed.
    package var hops = HopTrail()
    /// The id of the request, for the logs of other servers; nil for work without one.
    package var requestID: String?
    /// The W3C trace context of the request, for the traces of other servers; nil for none.
    package var traceparent: String?
    /// Whether the client gets the answer only when it is complete, so that an answer with a wrong form can be requested again.
    package var isWhole = false
    /// Whether the client's dialect names the stop string that ended an answer.
    package var namesStop = false
    /// Reserves the tokens of the whole prompt before the engine computes any. Returns the max tokens of each answer; nil for no limit. Throws if the
    /// limits of the owner leave too few tokens to begin. nil if nothing is reserved.
    package var admission: (@Sendable (_ promptTokens: Int) throws -> Int?)?

    /// Takes the tokens of a prompt, and a function that returns the bytes of a token; nil unless the server inspects the request.
    package var inspection: (@Sendable (_ prompt: [Token], _ piece: (Token) -> [UInt8]) -> Void)?

    package init(owner: Owner = .common, isFlex: Bool = false, maximumTokens: Int? = nil) {
        self.owner = owner
        self.isFlex = isFlex
        self.maximumTokens = maximumTokens
    }

    /// Returns the lower one of a request's max tokens and the limit; nil if neither is given.
    func limited(_ tokens: Int?) -> Int? { [tokens, maximumTokens].compactMap { $0 }.min() }

    /// Returns the terms after the admission of a prompt. The work must not begin if this throws.
    package func admitting(promptTokens: Int) throws -> ServiceTerms {
        var terms = self
        if let most = try admission?(promptTokens) { terms.maximumTokens = min(most, maximumTokens ?? most) }
        return terms
    }

    /// Returns the tokens of a prompt, after an inspection of the request has seen them.
    func inspected(_ prompt: [Token], _ vocabulary: any Vocabulary) -> [Token] {
        inspection?(prompt) { vocabulary.piece(of: $0, special: true) }
        return prompt
    }

    /// Returns the limit if a request asks for more tokens; otherwise nil.
    package func excess(of tokens: Int?) -> Int? { maximumTokens.flatMap { limit in tokens ?? 0 > limit ? limit : nil } }
}
