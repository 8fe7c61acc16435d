import ShimmyJSON

/// The errors of Ollama's API: a text.
struct OllamaErrors: ErrorForm {
    func status(of error: APIError) -> Int { error.status }

    func body(of error: APIError, requestID: String) -> JSON {
        ["error": .string(error.missingModel.map { "model '\($0)' not found" } ?? error.messageWithField)]
    }
}
