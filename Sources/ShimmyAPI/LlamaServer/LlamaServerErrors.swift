import ShimmyJSON

/// The errors of llama-server's API: a number, a text and a type.
struct LlamaServerErrors: ErrorForm {
    func status(of error: APIError) -> Int { error.status }

    func body(of error: APIError, requestID: String) -> JSON {
        ["error": ["code": .int(error.status), "message": .string(error.messageWithField), "type": .string(kind(of: error))]]
    }

    private func kind(of error: APIError) -> String {
        switch error.code {
        case "context_length_exceeded": return "exceed_context_size_error"
        case "unsupported_parameter": return "not_supported_error"
        default: break
        }
        return switch error.status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 503: "unavailable_error"
        case 500...: "server_error"
        default: error.type
        }
    }
}
