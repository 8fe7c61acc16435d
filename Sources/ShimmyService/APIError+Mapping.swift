package import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyHub
import ShimmyModels
package import ShimmyStorage

extension APIError {
    /// Maps any error to the error that the client gets. An unexpected error becomes a 500 that reveals no internals.
    package init(any error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as GenerationError: self.init(error)
        case let error as ModelError: self.init(error)
        case let error as UpstreamFailure: self.init(error)
        case let error as EngineProcessFailure: self.init(error)
        case let error as HubError: self.init(error)
        case let error as StorageError: self.init(error)
        case let error as KeyBookError: self.init(error)
        case let error as QueueFull: self = .queueFull(retryAfter: error.retryAfter)
        case let error as EngineError where error == .noContinuation:
            self.init(status: 400, message: "The answer cannot continue: \(error.description).", code: "invalid_value")
        case let error as EngineError: self = .internal("The model failed: \(error.description).")
        case WorkStopped.tooLong(let seconds):
            self.init(
                status: 400,
                message: "Reading the request took longer than \(seconds) s. This is a limit of the server; docs/limits.md lists all of them.",
                code: "limit_exceeded")
        case is CancellationError: self = .stopped
        default: self = .internal("The server had an error while processing your request.")
        }
    }

    private init(_ error: ModelError) {
        switch error {
        case .unknown(let name): self = .unknownModel(name)
        case .ambiguous: self.init(status: 404, message: "The request cannot be served: \(error.description).", code: "model_not_found")
        case .unusable, .lacksRole:
            self.init(status: 400, message: "The request cannot be served: \(error.description).", param: "model", code: "model_not_usable")
        case .loadFailed:
            self.init(status: 500, message: "The request failed: \(error.description).", type: "server_error", code: "model_load_failed")
        case .tooLarge, .noPlace:
            self.init(status: 503, message: "The request cannot be served: \(error.description).", type: "server_error", code: "insufficient_memory")
        case .waitedTooLong: self = .unavailable("Try again later: \(error.description).", code: "insufficient_memory", retryAfter: 5)
        case .isReplaced: self = .unavailable("Try again later: \(error.description).", code: "model_in_use", retryAfter: 5)
        case .tooManyWait: self = .unavailable("Try again later: \(error.description).", code: "model_queue_full", retryAfter: 5)
        case .inUse:
            self.init(status: 409, message: "Try again later: \(error.description).", param: "model", code: "model_in_use")
        case .loadStopped: self = .unavailable("Try again later: \(error.description).", code: "model_load_stopped", retryAfter: 5)
        case .shuttingDown: self = .stopped
        }
    }
}

extension APIError {
    /// Maps a storage error to the error that the client gets.
    package init(_ error: StorageError) {
        func server(_ status: Int, _ code: String, retryAfter: Int?) -> APIError {
            APIError(
                status: status, message: "The storage cannot be used: \(error.description). Requests that store nothing still work.",
                type: "server_error", code: code, retryAfter: retryAfter)
        }
        self =
            switch error {
            case .full: server(507, "storage_full", retryAfter: nil)
            case .locked: server(503, "storage_locked", retryAfter: 5)
            case .damaged: server(503, "storage_damaged", retryAfter: 1)
            case .replaced: server(503, "storage_unavailable", retryAfter: 1)
            case .unavailable: server(503, "storage_unavailable", retryAfter: 5)
            case .unknownCursor(let id):
                APIError(status: 400, message: "Invalid 'after': there is no '\(id)' in the list.", param: "after", code: "invalid_value")
            case .duplicate(let id):
                APIError(status: 400, message: "Duplicate item found with id '\(id)'.", param: "items", code: "duplicate_item")
            case .tooLarge(let bytes, let most):
                APIError(
                    status: 400,
                    message: "The stored history has \(bytes) bytes, but a response can continue at most \(most) bytes. Compact the history with "
                        + "POST /v1/responses/compact, or start a new one.", code: "limit_exceeded")
            }
    }
}

extension APIError {
    init(_ error: HubError) {
        let message = "The model cannot be pulled: \(error.description)."
        func refusal(_ status: Int, _ code: String) -> APIError { APIError(status: status, message: message, param: "model", code: code) }
        self =
            switch error {
            case .badAddress, .otherHost: refusal(400, "invalid_value")
            case .notFound, .noModel, .noQuantization: refusal(404, "model_not_found")
            case .unauthorized: refusal(403, "hub_unauthorized")
            case .busy: refusal(409, "pull_in_progress")
            case .rateLimited(let seconds):
                APIError(status: 429, message: message, type: "rate_limit_error", code: "hub_rate_limited", retryAfter: seconds)
            case .tooLarge: refusal(507, "insufficient_memory")
            case .diskFull, .cannotWrite: APIError(status: 507, message: message, type: "server_error", code: "insufficient_storage")
            case .offline: APIError(status: 503, message: message, type: "server_error", code: "offline")
            case .unexpectedStatus, .unreadable, .wrongHash, .interrupted:
                APIError(status: 502, message: message, type: "server_error", code: "pull_failed")
            }
    }
}

extension APIError {
    init(_ error: KeyBookError) {
        self =
            switch error {
            case .nameTaken: APIError(status: 409, message: "Invalid 'name': \(error.description).", param: "name", code: "name_taken")
            case .invalid: APIError(status: 400, message: "The key is not valid: \(error.description).", code: "invalid_value")
            case .tooMany: APIError(status: 409, message: "The key cannot be created: \(error.description).", code: "too_many_keys")
            // The reason contains a path.
            case .unavailable: .unavailable("The server cannot read or write its keys. Its log says why.", code: "keys_unavailable", retryAfter: 5)
            }
    }
}
