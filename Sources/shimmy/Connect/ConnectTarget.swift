import ShimmyClient

/// The server, the model and the key that a client is configured with.
struct ConnectTarget: Sendable {
    let address: ServerAddress
    let model: String
    /// The context length in tokens; nil if unknown.
    let contextLength: Int?
    /// The context length in tokens that the model was trained with; nil if unknown.
    let trainedContextLength: Int?
    var key: ConnectKey

    /// The server's URL without a path, for Anthropic's and Ollama's API.
    var root: String { "\(address)" }
    /// The base URL of OpenAI's API.
    var api: String { "\(address)/v1" }
    /// The context length for clients that require one.
    var assumedContextLength: Int { contextLength ?? 8192 }
    /// The number of tokens of an answer for which a client should keep room: a quarter of the context.
    var outputLimit: Int { max(1, assumedContextLength / 4) }
}

/// The API key in a client's configuration.
enum ConnectKey: Sendable, Equatable {
    /// The server has no keys. Most clients need some text all the same.
    case unneeded
    case known(String)
    /// The server has keys, but none may be shown.
    case hidden

    static let placeholder = "YOUR_API_KEY"

    var text: String {
        switch self {
        case .unneeded: "unused"
        case .known(let key): key
        case .hidden: Self.placeholder
        }
    }

    var isNeeded: Bool { self != .unneeded }

    /// Whether a file with this key must be private.
    var isSecret: Bool {
        if case .known = self { true } else { false }
    }
}
