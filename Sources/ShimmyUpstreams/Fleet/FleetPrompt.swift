import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// The text of a request, by which requests with the same beginning find the same replica.
struct FleetPrompt: Sendable {
    /// The bytes of a token of English text.
    private static let bytesPerToken = 4

    /// The bytes of the tools, if there are any, and of each message.
    private(set) var parts: [[UInt8]] = []
    /// The estimated tokens of images and audio, of which the parts contain only hashes.
    private var mediaTokens = 0

    /// Makes the prompt of a request without a prefix that others share.
    init() {}

    /// Makes the prompt of a conversation. The work is done on the worker pool.
    static func of(_ conversation: Conversation) async throws -> FleetPrompt {
        try await InputWork.run(InputWork.lane(bytes: conversation.bytes)) { _ in FleetPrompt(conversation) }
    }

    private init(_ conversation: Conversation) {
        if !conversation.tools.isEmpty { parts.append(Array(conversation.tools.map(\.json.text).joined(separator: "\n").utf8)) }
        for message in conversation.messages {
            let calls = message.toolCalls.map(\.text) ?? ""
            let contents = (message.content ?? []).map { part in
                switch part {
                case .text(let text): text
                case .media(let media): "\(media.fingerprint)"
                }
            }
            parts.append(Array(([message.role.rawValue, calls] + contents).joined(separator: "\n").utf8))
            for media in message.media { mediaTokens = mediaTokens.saturated(adding: media.estimatedTokens) }
        }
    }

    /// Makes the prompt of a request without a common prefix, from all of its texts.
    init(texts: [String]) { parts = texts.map { Array($0.utf8) } }

    /// The estimated number of tokens, with which a request is admitted. The upstream reports the exact number at the end.
    var estimatedTokens: Int {
        max(1, (parts.reduce(0) { $0.saturated(adding: $1.count) } / Self.bytesPerToken).saturated(adding: mediaTokens))
    }

    /// The texts of all prompts. The first one determines the prefix.
    init(_ prompts: [TextRequest.Prompt]) {
        parts = prompts.map { prompt in
            switch prompt {
            case .text(let text): Array(text.utf8)
            case .tokens(let tokens): tokens.withUnsafeBytes { Array($0) }
            }
        }
    }
}
