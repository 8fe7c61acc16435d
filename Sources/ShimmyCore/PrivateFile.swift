#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Functions for files that only their user may read.
package enum PrivateFile {
    /// Creates an empty file if there is none at the path. SQLite gives its journal files the mode of the database, so that a database is created
    /// here before SQLite first opens it.
    package static func create(_ path: String) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        // The program that uses the file opens or refuses a link, or a file that is not regular.
        if descriptor >= 0 { close(descriptor) }
    }

    /// Removes the permissions of others from files, regardless of the process's umask. Skips files that do not exist.
    package static func restrict(_ paths: [String]) {
        for path in paths {
            var status = stat()
            // Files of another user cannot be changed, and their mode is that user's decision.
            guard stat(path, &status) == 0, status.st_mode & 0o077 != 0 else { continue }
            _ = chmod(path, status.st_mode & 0o700)
        }
    }
}
