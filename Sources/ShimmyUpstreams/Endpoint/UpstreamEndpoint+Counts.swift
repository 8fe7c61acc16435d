import ShimmyChat
import ShimmyCore

/// Estimates of token counts, for upstreams that do not report them.
extension UpstreamEndpoint {
    func estimate(_ request: ChatRequest, model: String, _ context: UpstreamContext) -> UsageEstimate {
        let bytes = request.conversation.bytes
        guard tokenizes else { return UsageEstimate(promptTokens: max(1, UsageEstimate.tokens(bytes: bytes)), nil) }
        let endpoint = counting
        // A longer conversation is not kept in memory to be counted.
        var prompt: (@Sendable () async throws -> Int)?
        if bytes <= UpstreamLimits.heldBytes, request.conversation.mediaKinds.isEmpty {
            let conversation = request.conversation
            prompt = { try await endpoint.prepare(conversation, model: model, context: context).tokens.count }
        }
        return UsageEstimate(
            promptTokens: max(1, UsageEstimate.tokens(bytes: bytes)),
            UsageEstimate.Counter(prompt: prompt) { text in
                try await endpoint.tokenize(text, model: model, addSpecial: false, parseSpecial: true, context: context).count
            })
    }

    func estimate(_ request: TextRequest, model: String, _ context: UpstreamContext) -> UsageEstimate {
        let tokens = max(1, UsageEstimate.tokens(of: request.prompts))
        guard tokenizes else { return UsageEstimate(promptTokens: tokens, nil) }
        let endpoint = counting
        var prompt: (@Sendable () async throws -> Int)?
        if request.prompts.count == 1, case .text(let text) = request.prompts[0], text.utf8.count <= UpstreamLimits.heldBytes {
            prompt = { try await endpoint.tokenize(text, model: model, addSpecial: true, parseSpecial: true, context: context).count }
        }
        return UsageEstimate(
            promptTokens: tokens,
            UsageEstimate.Counter(prompt: prompt) { text in
                try await endpoint.tokenize(text, model: model, addSpecial: false, parseSpecial: true, context: context).count
            })
    }

    /// The same upstream with a shorter time limit, because a complete answer waits for the counts.
    private var counting: UpstreamEndpoint {
        var settings = settings
        settings.shortSeconds = min(settings.shortSeconds, UpstreamLimits.countSeconds)
        return UpstreamEndpoint(settings, kind: kind, client: client)
    }
}

extension UsageEstimate {
    /// Returns the number of tokens of prompts. The tokens of texts are estimated.
    static func tokens(of prompts: [TextRequest.Prompt]) -> Int {
        prompts.reduce(0) { sum, prompt in
            switch prompt {
            case .text(let text): sum.saturated(adding: tokens(bytes: text.utf8.count))
            case .tokens(let tokens): sum.saturated(adding: tokens.count)
            }
        }
    }
}
