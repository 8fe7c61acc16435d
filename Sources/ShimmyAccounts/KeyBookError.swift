import GRDB

/// The reason why the book of keys cannot do something.
package enum KeyBookError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another key that is not revoked has the name.
    case nameTaken(String)
    /// The name, the models or a limit of a key is not allowed.
    case invalid(String)
    case tooMany(Int)
    /// The file cannot be read or written.
    case unavailable(String)

    package var description: String {
        switch self {
        case .nameTaken(let name): "there is already a key named '\(name)'; revoke it or choose another name"
        case .invalid(let reason): reason
        case .tooMany(let most): "there are already \(most) keys; revoke some of them"
        case .unavailable(let reason): reason
        }
    }

    init(_ error: any Error, path: String) {
        if let error = error as? KeyBookError {
            self = error
        } else if let error = error as? DatabaseError {
            self = .unavailable("the keys in \(path) cannot be used: \(error.message ?? "SQLite reports \(error.resultCode.rawValue)")")
        } else {
            self = .unavailable("the keys in \(path) cannot be used: \(error)")
        }
    }
}
