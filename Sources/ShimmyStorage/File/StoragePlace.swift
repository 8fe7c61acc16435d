import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The directory of the database, and who else uses it.
struct StoragePlace: Sendable {
    static let fileName = "shimmy.sqlite"

    let directory: String

    var file: String { "\(directory)/\(Self.fileName)" }
    private var lockFile: String { "\(directory)/lock" }

    /// What is kept is nobody else's business: only the user may read the directory.
    func create() throws(StorageError) {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .unavailable("the directory \(directory) cannot be made")
        }
        guard access(directory, W_OK) == 0 else { throw .unavailable("the directory \(directory) cannot be written to") }
        try keepPrivate()
    }

    /// Only the user may read what is stored, whatever the directory's mode and the process's umask. SQLite gives its journal files the mode of
    /// the database, which therefore exists before it is opened for the first time.
    private func keepPrivate() throws(StorageError) {
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        // A database that is a link, or not a file, is opened or refused by SQLite.
        if descriptor >= 0 { close(descriptor) }
        let names = [Self.fileName, Self.fileName + "-wal", Self.fileName + "-shm"] + setAsideFiles
        for path in names.map({ "\(directory)/\($0)" }) {
            var status = stat()
            // What belongs to another user cannot be changed and is that user's decision.
            guard stat(path, &status) == 0, status.st_mode & 0o077 != 0 else { continue }
            _ = chmod(path, status.st_mode & 0o700)
        }
    }

    /// Tells the database's file from another one of the same name.
    var fileNumber: UInt64? {
        var status = stat()
        return stat(file, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    /// Renames a damaged database with all that belongs to it; returns its new name.
    func setAside(at time: Int) -> String? {
        var target = "\(file).damaged-\(time)"
        var number = 1
        while FileManager.default.fileExists(atPath: target) {
            number += 1
            target = "\(file).damaged-\(time)-\(number)"
        }
        // The journal first: a database without its journal is only older, a journal without its database would spoil the new one.
        for suffix in ["-wal", "-shm"] where FileManager.default.fileExists(atPath: file + suffix) {
            guard rename(file + suffix, target + suffix) == 0 else { return nil }
        }
        return rename(file, target) == 0 ? target : nil
    }

    /// The names of what was set aside, journals included.
    var setAsideFiles: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasPrefix(Self.fileName + ".damaged-") }.sorted()
    }

    /// Bytes that the database takes on the disk, with its journal.
    var bytes: Int {
        ["", "-wal"].reduce(0) { sum, suffix in
            var status = stat()
            return sum + (stat(file + suffix, &status) == 0 ? Int(status.st_size) : 0)
        }
    }

    /// Its end, or the process's, is the end of the use.
    final class Membership: Sendable {
        private let descriptor: Int32

        fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

        deinit { close(descriptor) }
    }

    /// Joins those who use the database.
    /// - alone: called before others may join, if nobody else uses it: what an earlier process left behind is nobody's any more.
    func join(alone: () throws -> Void) throws -> Membership {
        let descriptor = open(lockFile, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StorageError.unavailable("\(lockFile) cannot be opened") }
        let membership = Membership(descriptor)
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { try alone() }
        // Waits while another process is the one that tidies up.
        while flock(descriptor, LOCK_SH) != 0, errno == EINTR {}
        return membership
    }
}
