import HTTPTypes
import Hummingbird
import NIOCore
import ShimmyAPI
import ShimmyChat
import ShimmyEngine
import ShimmyHub
import ShimmyModels

extension APIError {
    /// Any error as a client may see it. What is not foreseen is a 500 that tells nothing of the inside.
    init(any error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as GenerationError: self.init(error)
        case let error as ModelError: self.init(error)
        case let error as HubError: self.init(error)
        case let error as QueueFull: self = .queueFull(retryAfter: error.retryAfter)
        case let error as EngineError: self = .internal("The model failed: \(error.description).")
        case let error as HTTPError where error.status.code < 500: self.init(status: error.status.code, message: error.body ?? "Bad request.")
        case is CancellationError:
            self = .unavailable("The server is shutting down.", code: "shutting_down", retryAfter: 5)
        default: self = .internal("The server had an error while processing your request.")
        }
    }

    private init(_ error: ModelError) {
        switch error {
        case .unknown(let name): self = .unknownModel(name)
        case .unusable:
            self.init(status: 400, message: "The request cannot be served: \(error.description).", param: "model", code: "model_not_usable")
        case .loadFailed:
            self.init(status: 500, message: "The request failed: \(error.description).", type: "server_error", code: "model_load_failed")
        case .allInUse: self = .unavailable("Try again later: \(error.description).", code: "insufficient_memory", retryAfter: 5)
        case .inUse:
            self.init(status: 409, message: "Try again later: \(error.description).", param: "model", code: "model_in_use")
        case .shuttingDown: self = .unavailable("The server is shutting down.", code: "shutting_down", retryAfter: 5)
        }
    }
}
