import GRDB
import ShimmyJSON

extension StorageError {
    /// Converts an error of the database; nil for other errors, such as a cancelled task.
    init?(_ error: any Error) {
        if let error = error as? StorageError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else { return nil }
        switch error.extendedResultCode {
        // SQLite reports an exceeded file size limit as a write error.
        case .SQLITE_FULL, .SQLITE_IOERR_WRITE, .SQLITE_IOERR_TRUNCATE, .SQLITE_IOERR_SHMSIZE, .SQLITE_TOOBIG: self = .full
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .locked
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged
        default: self = .unavailable("the database failed: \(error.resultCode.rawValue), \(error.message ?? "no reason given")")
        }
    }
}
