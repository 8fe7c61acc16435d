import Foundation
import ShimmyCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The directory of the database and the lock that its processes share.
struct StoragePlace: Sendable {
    static let fileName = "shimmy.sqlite"

    let directory: String

    var file: String { "\(directory)/\(Self.fileName)" }
    var journalFile: String { file + "-wal" }
    var reserveFile: String { "\(directory)/reserve" }
    private var lockFile: String { "\(directory)/lock" }

    /// Creates the directory with access for its user only, because the stored data is private.
    func create() throws(StorageError) {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .unavailable("the directory \(directory) cannot be created")
        }
        guard access(directory, W_OK) == 0 else { throw .unavailable("the directory \(directory) cannot be written to") }
        keepPrivate()
    }

    /// Restricts stored files to their user, regardless of the directory's mode.
    private func keepPrivate() {
        PrivateFile.create(file)
        let names = [Self.fileName, Self.fileName + "-wal", Self.fileName + "-shm", "reserve", SpaceReserve.partialName, "lock"] + setAsideFiles
        PrivateFile.restrict(names.map { "\(directory)/\($0)" })
    }

    /// The files on which acknowledged data depends. They stay the same while the database is open.
    struct Files: Sendable, Equatable {
        let database: FileIdentity?
        let journal: FileIdentity?
        /// The index of the journal, which all processes that use the database share.
        let index: FileIdentity?
    }

    var files: Files {
        Files(database: FileIdentity(path: file), journal: FileIdentity(path: journalFile), index: FileIdentity(path: file + "-shm"))
    }

    /// Deletes the journal of a database file that is no longer at the path. It would corrupt the file that is there now.
    /// - former: the files of the lost database.
    func removeOrphanedJournal(of former: Files) {
        let current = files
        guard current.database != former.database, current.database == nil || current.journal == former.journal else { return }
        for suffix in ["-wal", "-shm"] { unlink(file + suffix) }
    }

    /// Renames a damaged database and its journal files. Returns the new name; nil if a file cannot be renamed.
    func setAside(at time: Int) -> String? {
        var target = "\(file).damaged-\(time)"
        var number = 1
        while FileManager.default.fileExists(atPath: target) {
            number += 1
            target = "\(file).damaged-\(time)-\(number)"
        }
        // Rename the journal first. A database without its journal is only older, but a journal without its database would corrupt the new
        // one.
        for suffix in ["-wal", "-shm"] where FileManager.default.fileExists(atPath: file + suffix) {
            guard rename(file + suffix, target + suffix) == 0 else { return nil }
        }
        return rename(file, target) == 0 ? target : nil
    }

    /// The names of all set-aside files, including journals.
    var setAsideFiles: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasPrefix(Self.fileName + ".damaged-") }.sorted()
    }

    /// The size of the database and its journal on disk, in bytes.
    var bytes: Int {
        ["", "-wal"].reduce(0) { sum, suffix in
            var status = stat()
            return sum + (stat(file + suffix, &status) == 0 ? Int(status.st_size) : 0)
        }
    }

    /// A membership in the processes that use the database. It ends when the object is released or the process ends.
    final class Membership: Sendable {
        fileprivate let descriptor: Int32

        fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

        deinit { close(descriptor) }

        /// Whether the file at `path` is the one that this membership locks.
        func isOf(_ path: String) -> Bool { FileIdentity(descriptor: descriptor) == FileIdentity(path: path) }
    }

    /// Whether a membership is that of the processes that use the directory now: not if the lock file was removed or replaced.
    func accepts(_ membership: Membership) -> Bool { membership.isOf(lockFile) }

    /// Excludes all processes that use the database, as long as the result exists. Returns nil if another process uses it.
    func joinAlone() throws -> Membership? {
        let membership = try openLock()
        return flock(membership.descriptor, LOCK_EX | LOCK_NB) == 0 ? membership : nil
    }

    private func openLock() throws -> Membership {
        let descriptor = open(lockFile, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StorageError.unavailable("\(lockFile) cannot be opened") }
        return Membership(descriptor)
    }

    /// Joins the processes that use the database.
    /// - alone: called first if no other process uses the database, before others can join. Unfinished work of earlier processes is then
    ///   abandoned.
    func join(alone: () throws -> Void) throws -> Membership {
        let membership = try openLock()
        if flock(membership.descriptor, LOCK_EX | LOCK_NB) == 0 { try alone() }
        // Waits while another process runs its `alone` function.
        while flock(membership.descriptor, LOCK_SH) != 0, errno == EINTR {}
        return membership
    }
}
