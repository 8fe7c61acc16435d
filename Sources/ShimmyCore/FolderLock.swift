#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A lock that excludes all threads and processes that change files in a folder. It locks the folder itself, so that no lock file remains, and the
/// system releases it when the process ends.
package enum FolderLock {
    /// The time between two attempts, in microseconds.
    private static let pause: UInt32 = 10_000

    /// Waits for the lock, runs `body` and releases the lock. It blocks the thread, so call it only on a thread that may wait for a disk. Returns nil
    /// if another process still holds the lock after `seconds`. On a file system that cannot lock folders, `body` runs without a lock.
    /// - folder: the path of a folder that exists.
    package static func hold<Value, Failure: Error>(
        _ folder: String, seconds: Int, _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value? {
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard isFree(descriptor, seconds) else { return nil }
        return try body()
    }

    /// Returns whether the caller may go on: it has the lock, or the folder cannot be locked.
    private static func isFree(_ descriptor: Int32, _ seconds: Int) -> Bool {
        for _ in 0...(seconds * 1_000_000 / Int(pause)) {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
            guard errno == EWOULDBLOCK || errno == EINTR else { return true }
            usleep(pause)
        }
        return false
    }
}
