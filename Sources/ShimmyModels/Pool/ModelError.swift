package import ShimmyCore

/// Why a model cannot serve a request.
package enum ModelError: Error, Equatable, CustomStringConvertible {
    case unknown(String)
    /// The name means several models equally.
    case ambiguous(String, ids: [String])
    /// It was found and cannot be used; the reason is for people.
    case unusable(String, reason: String)
    case loadFailed(String, reason: String)
    /// It needs more bytes than can ever be had for it.
    case tooLarge(String, needed: MemoryUse, available: Int)
    /// As many models as may be loaded are pinned.
    case noPlace(String, models: Int)
    /// As many requests wait for models as may.
    case tooManyWait(Int)
    /// Others were in use for all the time that a request may wait.
    case waitedTooLong(String, seconds: Double, needed: Int, budget: Int)
    /// It is to be loaded anew, and was in use as it was for all the time that a request may wait.
    case isReplaced(String, seconds: Double)
    /// It answers requests, and cannot be freed.
    case inUse(String)
    /// Somebody asked to free it before it was there.
    case loadStopped(String)
    case shuttingDown

    package var description: String {
        switch self {
        case .unknown(let name): "no model named \(name) was found"
        case .ambiguous(let name, let ids):
            "the name \(name) may mean \(ids.prefix(10).joined(separator: ", "))\(ids.count > 10 ? " and others" : ""); say which"
        case .unusable(let name, let reason): "the model \(name) cannot be used: \(reason)"
        case .loadFailed(let name, let reason): "the model \(name) could not be loaded: \(reason)"
        case .tooLarge(let name, let needed, let available):
            "the model \(name) needs \(needed.total) bytes of memory (weights \(needed.weights), cache \(needed.cache), computing \(needed.compute)), "
                + "and \(available) bytes are available to it"
        case .noPlace(let name, let models): "the model \(name) finds no place: as many models as may be loaded (\(models)) are pinned"
        case .tooManyWait(let count): "as many requests wait for models as may (\(count))"
        case .waitedTooLong(let name, let seconds, let needed, let budget):
            "the model \(name) needs \(needed) bytes of memory, and for \(Int(seconds)) seconds other models of the \(budget) bytes were in use"
        case .isReplaced(let name, let seconds):
            "the model \(name) changed and is loaded anew when those who use it are done, which took longer than \(Int(seconds)) seconds"
        case .inUse(let name): "the model \(name) is answering requests, or is about to"
        case .loadStopped(let name): "somebody had the load of the model \(name) stopped"
        case .shuttingDown: "the server is shutting down"
        }
    }
}
