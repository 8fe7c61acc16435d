package import ShimmyJSON

/// An API that the server speaks.
package enum API: String, Sendable, CaseIterable {
    case openAI = "openai"
    case anthropic
    case ollama
    case llamaServer = "llama-server"
    case lmStudio = "lmstudio"

    /// The name of the API in texts.
    package var name: String {
        switch self {
        case .openAI: "OpenAI"
        case .anthropic: "Anthropic"
        case .ollama: "Ollama"
        case .llamaServer: "llama-server"
        case .lmStudio: "LM Studio"
        }
    }

    /// The file in `docs` with the API's part of the compatibility matrix.
    package var document: String { "\(rawValue.uppercased().replacing("-", with: "_"))_COMPAT.md" }

    /// How the API writes errors.
    package var errors: any ErrorForm {
        switch self {
        case .openAI, .lmStudio: OpenAIErrors()
        case .anthropic: AnthropicErrors()
        case .ollama: OllamaErrors()
        case .llamaServer: LlamaServerErrors()
        }
    }

    /// The API's part of the compatibility matrix.
    package var endpoints: [EndpointRow] {
        switch self {
        case .openAI: Compatibility.endpoints
        case .anthropic: AnthropicRows.endpoints
        case .ollama: OllamaRows.endpoints
        case .llamaServer: LlamaServerRows.endpoints
        case .lmStudio: LMStudioRows.endpoints
        }
    }

    /// The beginning of the paths of all endpoints in the compatibility matrix.
    package var prefix: String {
        switch self {
        case .openAI, .anthropic: "/v1"
        case .ollama, .llamaServer, .lmStudio: ""
        }
    }
}

/// How an API writes an error.
package protocol ErrorForm: Sendable {
    /// Returns the status of the response. Must be from 400 to 599.
    func status(of error: APIError) -> Int

    /// Returns the body of the response, or the value of a stream.
    /// - requestID: the id of the request, as in the header `x-request-id`.
    func body(of error: APIError, requestID: String) -> JSON
}

/// The errors of OpenAI's API.
struct OpenAIErrors: ErrorForm {
    func status(of error: APIError) -> Int { error.status }
    func body(of error: APIError, requestID: String) -> JSON { error.json }
}
