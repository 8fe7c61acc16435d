package import ShimmyChat
package import ShimmyEngine

/// The reason why a model cannot serve a request.
package enum ModelError: Error, Equatable, CustomStringConvertible {
    case unknown(String)
    /// The name matches several models equally well.
    case ambiguous(String, ids: [String])
    /// The model was found but cannot be used; the reason is for display.
    case unusable(String, reason: String)
    /// The model was made for other purposes.
    case lacksRole(String, asked: ModelRole, has: [ModelRole])
    case loadFailed(String, reason: String)
    /// The model needs more bytes than can ever be available to it.
    case tooLarge(String, needed: MemoryUse, available: Int)
    /// The max number of loaded models is reached, and all of them are pinned.
    case noPlace(String, models: Int)
    /// The max number of requests is waiting for models.
    case tooManyWait(Int)
    /// Other models were in use for the max time that a request waits.
    case waitedTooLong(String, seconds: Double, needed: Int, budget: Int)
    /// The model must be reloaded, and its old version was in use for the max time that a request waits.
    case isReplaced(String, seconds: Double)
    /// The model serves requests and cannot be freed.
    case inUse(String)
    /// The load was stopped by a request to free the model.
    case loadStopped(String)
    case shuttingDown

    package var description: String {
        switch self {
        case .unknown(let name): "no model named \(name) was found"
        case .ambiguous(let name, let ids):
            "the name \(name) matches several models: \(ids.prefix(10).joined(separator: ", "))\(ids.count > 10 ? " and others" : "");"
                + " use a full name"
        case .unusable(let name, let reason): "the model \(name) cannot be used: \(reason)"
        case .lacksRole(let name, let asked, let has):
            "the model \(name) was made for \(has.map(\.rawValue).joined(separator: " and ")), not for \(asked.rawValue)"
        case .loadFailed(let name, let reason): "the model \(name) could not be loaded: \(reason)"
        case .tooLarge(let name, let needed, let available):
            "the model \(name) needs \(needed.total) bytes of memory (weights \(needed.weights), cache \(needed.cache), compute \(needed.compute)), "
                + "but only \(available) bytes are available to it"
        case .noPlace(let name, let models):
            "the model \(name) cannot be loaded: the max number of loaded models (\(models)) is reached, and all of them are pinned"
        case .tooManyWait(let count): "the queue of requests that wait for models is full (\(count))"
        case .waitedTooLong(let name, let seconds, let needed, let budget):
            "the model \(name) needs \(needed) bytes of memory, but models in use left too little of the \(budget) bytes for \(Int(seconds)) seconds"
        case .isReplaced(let name, let seconds):
            "the model \(name) changed and must be reloaded, but its old version was in use for more than \(Int(seconds)) seconds"
        case .inUse(let name): "the model \(name) has running or pending requests"
        case .loadStopped(let name): "the load of the model \(name) was stopped by a request to free it"
        case .shuttingDown: "the server is shutting down"
        }
    }
}
