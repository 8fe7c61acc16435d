/// An error of storing or reading an object.
package enum StorageError: Error, Equatable, CustomStringConvertible {
    /// The disk is full, or the storage's limit is reached.
    case full
    /// Another program has locked the database.
    case locked
    /// The database file is damaged. The store has already set it aside and created a new one.
    case damaged
    /// The database file or its journal was removed, replaced or shortened while it was open. The store has already opened the file at its path, or
    /// a new one.
    case replaced
    case unavailable(String)
    /// The list does not contain the id of `Page.after`.
    case unknownCursor(String)
    /// An object with this id already exists.
    case duplicate(String)
    /// The requested objects exceed the max bytes of one read.
    case tooLarge(bytes: Int, most: Int)

    /// Whether the request caused the error, not the storage.
    package var isClients: Bool {
        switch self {
        case .unknownCursor, .duplicate, .tooLarge: true
        case .full, .locked, .damaged, .replaced, .unavailable: false
        }
    }

    package var description: String {
        switch self {
        case .full: "the disk is full, or the storage has reached its size limit"
        case .locked: "another program has locked the database"
        case .damaged: "the database file was damaged; it was set aside and replaced by a new one"
        case .replaced:
            "the database file or its journal was removed, replaced or shortened while the server used it; the server now uses the file at its path"
        case .unavailable(let reason): reason
        case .unknownCursor(let id): "there is no '\(id)' in the list"
        case .duplicate(let id): "an object with the id '\(id)' already exists"
        case .tooLarge(let bytes, let most): "\(bytes) bytes are stored, but at most \(most) can be read at once"
        }
    }
}
