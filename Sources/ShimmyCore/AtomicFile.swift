#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Functions that write whole files. At no time is a file with the name incomplete.
package enum AtomicFile {
    package struct Failure: Error, Equatable, CustomStringConvertible {
        /// The system's error number (`errno`).
        package let code: Int32

        package init(code: Int32) { self.code = code }

        package var description: String { String(cString: strerror(code)) }
    }

    /// Returns the permission bits of a file, with links followed; nil if it does not exist.
    package static func permissions(of path: String) -> UInt32? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt32(status.st_mode) & 0o7777 : nil
    }

    /// Returns the path of a file with all links resolved; nil if it does not exist.
    package static func realPath(of path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Returns whether there is a file, a directory or a link at the path, whatever a link leads to.
    package static func isTaken(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Replaces a file, or creates it. If that fails, the old file remains. The directory must exist.
    package static func replace(_ path: String, with bytes: [UInt8], permissions: UInt32) throws(Failure) {
        let temporary = "\(path).\(UInt32.random(in: 0 ... .max)).partial"
        try create(temporary, bytes, permissions: permissions)
        guard rename(temporary, path) == 0 else {
            let failure = Failure(code: errno)
            unlink(temporary)
            throw failure
        }
    }

    /// Creates a file. Until the content is complete, only its owner can read it. Fails if there is a file or a link at the path.
    package static func create(_ path: String, _ bytes: [UInt8], permissions: UInt32) throws(Failure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        let code = fill(descriptor, bytes, permissions: permissions)
        guard close(descriptor) == 0, code == 0 else {
            let failure = Failure(code: code == 0 ? errno : code)
            unlink(path)
            throw failure
        }
    }

    /// Returns 0, or the system's error number.
    private static func fill(_ descriptor: Int32, _ bytes: [UInt8], permissions: UInt32) -> Int32 {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                return errno
            }
        }
        guard fchmod(descriptor, mode_t(truncatingIfNeeded: permissions)) == 0, fsync(descriptor) == 0 else { return errno }
        return 0
    }
}
