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

/// What tells a file or a folder from what it was: which one it is, how large, and when it was written and renamed, to the nanosecond.
struct FileTime: Equatable {
    private let content: FileStamp
    /// When it was changed: also by a rename, and by whoever sets the other time back.
    private let seconds: Int
    private let nanoseconds: Int
    private let inode: UInt64

    /// nil when there is no such file.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        #if canImport(Glibc)
            let changed = status.st_ctim
        #else
            let changed = status.st_ctimespec
        #endif
        (content, inode) = (FileStamp(status), UInt64(status.st_ino))
        (seconds, nanoseconds) = (Int(changed.tv_sec), Int(changed.tv_nsec))
    }

    /// Whether another change would have another time: file systems count it in steps, the coarsest in steps of two seconds.
    var isSettled: Bool { time(nil) - seconds > 2 }
}
