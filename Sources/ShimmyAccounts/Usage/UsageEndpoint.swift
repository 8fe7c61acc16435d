/// An endpoint whose use is counted, by its main path.
package enum UsageEndpoint: String, Sendable, CaseIterable {
    case chatCompletions = "/v1/chat/completions"
    case completions = "/v1/completions"
    case responses = "/v1/responses"
    case compact = "/v1/responses/compact"
    case messages = "/v1/messages"
    case ollamaChat = "/api/chat"
    case ollamaGenerate = "/api/generate"
    case llamaCompletion = "/completion"
    case infill = "/infill"
    case decisions = "/v1/decisions"
    case moderations = "/v1/moderations"
    case embeddings = "/v1/embeddings"
    case ollamaEmbed = "/api/embed"
    case llamaEmbedding = "/embedding"
    case rerank = "/v1/rerank"
    case speech = "/v1/audio/speech"
    case transcriptions = "/v1/audio/transcriptions"
    case translations = "/v1/audio/translations"
    case imageGenerations = "/v1/images/generations"
    case imageEdits = "/v1/images/edits"
    case imageVariations = "/v1/images/variations"
    /// All requests that only render prompts and count tokens.
    case tokenize = "/v1/tokenize"

    /// The kinds of endpoints that OpenAI's API reports separately.
    package enum Kind: Sendable {
        case completions, embeddings
    }

    /// The kind of the endpoint; nil if no report of OpenAI's API has it.
    package var kind: Kind? {
        switch self {
        case .chatCompletions, .completions, .responses, .compact, .messages, .ollamaChat, .ollamaGenerate, .llamaCompletion, .infill, .decisions,
            .moderations:
            .completions
        case .embeddings, .ollamaEmbed, .llamaEmbedding, .rerank: .embeddings
        case .speech, .transcriptions, .translations, .imageGenerations, .imageEdits, .imageVariations, .tokenize: nil
        }
    }
}
