/// The API in which an upstream receives requests for answers to conversations.
package enum UpstreamDialect: String, Sendable, CaseIterable {
    /// `/v1/chat/completions`
    case chat
    /// `/v1/responses`
    case responses
    /// `/v1/messages`
    case messages
}

extension UpstreamKind {
    /// The dialects that programs of the kind serve, their default first.
    package var dialects: [UpstreamDialect] {
        switch self {
        case .vllm, .llamaServer, .ollama, .shimmy: [.chat, .responses, .messages]
        case .sglang, .openai: [.chat, .responses]
        case .anthropic: [.messages]
        }
    }
}

extension UpstreamSettings {
    /// Returns why a program of the kind cannot be called as the settings say; nil if it can.
    package func obstacle(_ kind: UpstreamKind) -> String? {
        guard let dialect, !kind.dialects.contains(dialect) else { return nil }
        let names = kind.dialects.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        return "upstreams of the kind '\(kind.rawValue)' do not serve the dialect '\(dialect.rawValue)', but \(names)"
    }

    /// Returns the dialect for a program of the kind.
    func dialect(for kind: UpstreamKind) -> UpstreamDialect {
        dialect.flatMap { kind.dialects.contains($0) ? $0 : nil } ?? kind.dialects[0]
    }
}
