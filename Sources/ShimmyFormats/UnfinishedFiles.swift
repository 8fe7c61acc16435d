import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Temporary files of unfinished conversions, next to their final paths. The writer holds a lock on its file, and the system releases the lock when
/// the process ends. So a file that a killed process left behind can be distinguished from a file that is being written.
package enum UnfinishedFiles {
    private static let ending = ".partial"
    /// The number of seconds for which an unlocked file is kept, because its writer may be about to lock it.
    private static let youth = 60

    /// Returns a unique path for a temporary file.
    package static func path(for target: String) -> String { "\(target).\(UUID().uuidString)\(ending)" }

    /// Creates a file and locks it until the handle is closed. Returns nil if the file cannot be created.
    static func create(_ path: String) -> FileHandle? {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return nil }
        // On a file system without locks the file stays unlocked. It does not count as abandoned within a minute of its last change.
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Removes the files whose writers no longer exist.
    package static func removeAbandoned(in folder: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.hasSuffix(ending) {
            let path = "\(folder)/\(name)"
            if isAbandoned(path) { unlink(path) }
        }
    }

    private static func isAbandoned(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
        #if canImport(Glibc)
            let written = status.st_mtim.tv_sec
        #else
            let written = status.st_mtimespec.tv_sec
        #endif
        // Do not subtract `written`: a file's time may be any number, and the difference could overflow.
        return written < time(nil) - youth && flock(descriptor, LOCK_EX | LOCK_NB) == 0
    }
}
