import ShimmyAPI
import ShimmyChat

extension APIError {
    /// Maps the failure of a model's own process to the error that the client gets.
    init(_ failure: EngineProcessFailure) {
        let message = "The request failed: \(failure.description)."
        self =
            switch failure.reason {
            case .ended: APIError(status: 500, message: message, type: "server_error", code: "model_process_ended")
            case .restarting(_, let seconds): .unavailable(message, code: "model_process_restarting", retryAfter: seconds)
            case .unsupported(let field):
                APIError(
                    status: 400, message: "The request cannot be served: \(failure.description). Set isolation = \"none\" for the model.",
                    param: field, code: "unsupported_by_isolation")
            case .failed: APIError(status: 500, message: message, type: "server_error", code: "model_process_failed")
            }
    }
}
