#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A version of the files of a database, which is known without opening them: another process that changes the database changes its file or its
/// journal.
struct KeyFileStamp: Sendable, Equatable {
    private struct File: Sendable, Equatable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let seconds: Int
        let nanoseconds: Int

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            #if canImport(Glibc)
                let time = status.st_mtim
            #else
                let time = status.st_mtimespec
            #endif
            (device, inode) = (UInt64(truncatingIfNeeded: status.st_dev), UInt64(truncatingIfNeeded: status.st_ino))
            (size, seconds, nanoseconds) = (Int64(status.st_size), Int(time.tv_sec), Int(time.tv_nsec))
        }
    }

    private let database: File?
    private let journal: File?

    /// The seconds within which two changes can have the same time, with room for file systems that count in whole seconds.
    private static let grain = 2

    /// - path: the path of the database.
    init(path: String) {
        database = File(path)
        // A process that only reads the database has an empty journal.
        journal = File(path + "-wal").flatMap { $0.size == 0 ? nil : $0 }
    }

    var isMissing: Bool { database == nil }

    /// Whether every later change has another stamp. The times of files are coarse: after a recent change, another change can have the same time.
    /// - now: the seconds since 1970.
    func isSettled(at now: Int) -> Bool {
        guard let newest = [database, journal].compactMap({ $0?.seconds }).max() else { return true }
        return newest < now - Self.grain
    }
}
