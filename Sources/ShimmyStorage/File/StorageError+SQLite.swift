import GRDB
import ShimmyJSON

extension StorageError {
    /// Any error of the database's; nil for those that are not about it, as when a task was cancelled.
    init?(_ error: any Error) {
        if let error = error as? StorageError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else { return nil }
        switch error.extendedResultCode {
        // A limit on the size of files is told as an error of writing.
        case .SQLITE_FULL, .SQLITE_IOERR_WRITE, .SQLITE_IOERR_TRUNCATE, .SQLITE_IOERR_SHMSIZE, .SQLITE_TOOBIG: self = .full
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .locked
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged
        default: self = .unavailable("the database failed: \(error.resultCode.rawValue), \(error.message ?? "no reason given")")
        }
    }
}
