/// The reason why a model in a process of its own could not serve a request, or why its answer ended early.
package struct EngineProcessFailure: Error, Equatable, CustomStringConvertible {
    package enum Reason: Sendable, Equatable {
        /// The process ended while it served the request, for this reason.
        case ended(String)
        /// The process ended for this reason and starts again later. `retryAfter` is in seconds.
        case restarting(String, retryAfter: Int)
        /// A model in a process of its own does not support a field of the request. `field` is its name in the API.
        case unsupported(field: String)
        /// The process answered with an error of its own.
        case failed(String)
    }

    package let model: String
    package let reason: Reason

    package init(_ model: String, _ reason: Reason) {
        self.model = model
        self.reason = reason
    }

    package var description: String {
        switch reason {
        case .ended(let reason): "the process of the model \(model) ended: \(reason)"
        case .restarting(let reason, let seconds): "the process of the model \(model) ended (\(reason)) and starts again in \(seconds) s"
        case .unsupported(let field): "the model \(model) runs in a process of its own (isolation = \"process\"), which does not support '\(field)'"
        case .failed(let message): "the process of the model \(model) failed: \(message)"
        }
    }
}
