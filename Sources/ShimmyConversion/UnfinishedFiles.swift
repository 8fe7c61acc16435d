import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Files that are not whole yet, beside the places that they will have. Whoever writes one holds a lock on it, which ends with the process: so
/// what was left behind by those that were killed can be told from what is being written.
package enum UnfinishedFiles {
    private static let ending = ".partial"
    /// Seconds for which a file is left alone that nobody holds: its writer may be about to.
    private static let youth = 60

    /// A name that nobody else has, in this process or another one.
    static func path(for target: String) -> String { "\(target).\(UUID().uuidString)\(ending)" }

    /// Makes a file and holds it until the handle is closed; nil where it cannot be made.
    static func create(_ path: String) -> FileHandle? {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return nil }
        // Where there are no locks it is written without one: what lasts for less than a minute is not taken for abandoned.
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Removes what nobody finishes any more.
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
        // A file can claim any time.
        return written < time(nil) - youth && flock(descriptor, LOCK_EX | LOCK_NB) == 0
    }
}
