import ShimmyCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The file system's information about a file. Links are followed.
struct FileFacts {
    let sizeBytes: Int
    /// The time of the last change, in Unix seconds.
    let modified: Int

    /// Returns nil if the file does not exist.
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

    /// Returns the path of a file or folder with all links resolved, or `path` itself if it does not exist.
    static func realPath(_ path: String) -> String {
        AtomicFile.realPath(of: path) ?? path
    }
}

/// The identity and the version of a file or a folder: its inode, its size, and the times when it was written and renamed, to the nanosecond.
struct FileTime: Equatable {
    private let content: FileStamp
    /// The time of the last status change (ctime). A rename updates it, and so does setting the modification time back.
    private let seconds: Int
    private let nanoseconds: Int
    private let inode: UInt64

    /// Returns nil if the file does not exist.
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

    /// Returns whether another change would get a different time. File systems count time in steps, the coarsest of which are two seconds.
    /// - now: the current time in Unix seconds.
    func isSettled(at now: Int) -> Bool { now - seconds > 2 }
}
