/// The program that an upstream runs, which determines its dialect and the fields that it honours.
package enum UpstreamKind: String, Sendable, CaseIterable {
    case vllm, sglang, llamaServer = "llama-server", ollama, shimmy, openai, anthropic

    /// Whether programs of the kind take an ID of any form in the header `x-request-id`. Other programs may refuse one that is not a UUID.
    var takesRequestIDs: Bool {
        switch self {
        case .vllm, .llamaServer, .shimmy: true
        case .sglang, .ollama, .openai, .anthropic: false
        }
    }

    /// Whether programs of the kind tokenize texts.
    package var tokenizes: Bool {
        switch self {
        case .vllm, .sglang, .llamaServer, .shimmy: true
        case .ollama, .openai, .anthropic: false
        }
    }

    /// Whether they render and tokenize conversations.
    package var rendersPrompts: Bool { tokenizes && self != .sglang }

    /// Whether they continue texts, and make vectors.
    package var takesTexts: Bool { self != .anthropic }
    package var embeds: Bool { self != .anthropic }
    package var ranks: Bool { self != .anthropic && self != .ollama }
    /// Whether some of them make speech, transcripts or images. A program of the kind need not have all routes for these.
    package var makesMedia: Bool { self != .anthropic }
}
