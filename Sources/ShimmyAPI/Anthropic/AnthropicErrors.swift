import ShimmyJSON

/// The errors of Anthropic's API: https://docs.claude.com/en/api/errors.
struct AnthropicErrors: ErrorForm {
    func status(of error: APIError) -> Int { error.status == 503 ? 529 : error.status }

    func body(of error: APIError, requestID: String) -> JSON {
        [
            "type": "error", "error": ["type": .string(type(of: error)), "message": .string(message(of: error))],
            "request_id": .string(requestID),
        ]
    }

    /// Returns the message, with the words by which clients of Anthropic's API find out that a conversation is too long, and with the API's header
    /// for keys.
    private func message(of error: APIError) -> String {
        if error.code == "context_length_exceeded" { return "prompt is too long: \(error.message)" }
        switch error {
        case .missingKey: return "You didn't provide an API key. Pass it in the header 'x-api-key: KEY' or 'Authorization: Bearer KEY'."
        case .invalidKey: return "\(error.message) The header is 'x-api-key: KEY' or 'Authorization: Bearer KEY'."
        default: return error.messageWithField
        }
    }

    private func type(of error: APIError) -> String {
        switch error.status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 503, 529: "overloaded_error"
        case 504: "timeout_error"
        case 500...: "api_error"
        default: "invalid_request_error"
        }
    }
}
