/// The limits that an API sets on the fields of a conversation. Requests of other APIs are translated to chat completions and keep the limits of
/// their own API.
package struct ChatLimits: Sendable, Equatable {
    /// The max number of characters of a tool's name, which consists of ASCII letters, digits, underscores and hyphens.
    let toolName: Int
    /// Whether each call needs a result and each result a call. See `LooseCalls` for the other case.
    var needsResults = true
    var sampling = SamplingLimits.openAI

    package static let openAI = ChatLimits(toolName: 64)
    package static let responses = ChatLimits(toolName: 128)
    package static let anthropic = ChatLimits(toolName: 128)
    /// Ollama's API takes any name; `OllamaToolNames` makes names of this form. It also takes calls without results and results without calls.
    package static let ollama = ChatLimits(toolName: OllamaToolNames.longest, needsResults: false, sampling: .ollama)
}
