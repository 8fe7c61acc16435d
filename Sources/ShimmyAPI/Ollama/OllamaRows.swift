/// The part of the compatibility matrix about Ollama's API.
enum OllamaRows {
    static let endpoints: [EndpointRow] = answers + models
}
