/// Why something could not be kept or found again.
package enum StorageError: Error, Equatable, CustomStringConvertible {
    /// No room: on the disk, or in the storage's own bounds.
    case full
    /// Another program has the database to itself.
    case locked
    /// The database's file is damaged. It is set aside by now, and a new one begun.
    case damaged
    case unavailable(String)
    /// `Page.after` names nothing in the list.
    case unknownCursor(String)
    /// An id that is there already.
    case duplicate(String)
    /// What is asked for takes more bytes than may be read at once.
    case tooLarge(bytes: Int, most: Int)

    /// Whether the request was wrong rather than the storage.
    package var isClients: Bool {
        switch self {
        case .unknownCursor, .duplicate, .tooLarge: true
        case .full, .locked, .damaged, .unavailable: false
        }
    }

    package var description: String {
        switch self {
        case .full: "there is no room to keep anything"
        case .locked: "another program has locked the database"
        case .damaged: "the database's file was damaged; it has been set aside, and a new one begun"
        case .unavailable(let reason): reason
        case .unknownCursor(let id): "there is no '\(id)' in the list"
        case .duplicate(let id): "'\(id)' is there already"
        case .tooLarge(let bytes, let most): "\(bytes) bytes are stored, and at most \(most) are read at once"
        }
    }
}
