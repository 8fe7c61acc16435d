#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the file system says of a file; links are followed.
struct FileFacts {
    let sizeBytes: Int
    /// Unix seconds of the last change.
    let modified: Int

    /// nil when there is no such file.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        sizeBytes = Int(status.st_size)
        #if canImport(Glibc)
            modified = Int(status.st_mtim.tv_sec)
        #else
            modified = Int(status.st_mtimespec.tv_sec)
        #endif
    }

    /// The one name of a file or folder that is no link; the path itself when there is none.
    static func realPath(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

/// When a file or a folder last changed, to the nanosecond.
struct FileTime: Equatable {
    private let seconds: Int
    private let nanoseconds: Int
    private let sizeBytes: Int

    /// nil when there is no such file.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        #if canImport(Glibc)
            let time = status.st_mtim
        #else
            let time = status.st_mtimespec
        #endif
        (seconds, nanoseconds, sizeBytes) = (time.tv_sec, time.tv_nsec, Int(status.st_size))
    }
}
