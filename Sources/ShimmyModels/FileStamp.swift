#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A file's size and modification time, which identify a version of its content without reading it. The file's name is not part of the stamp.
package struct FileStamp: Sendable, Equatable {
    private let sizeBytes: Int
    private let seconds: Int
    private let nanoseconds: Int

    /// Reads the stamp of the file at `path` and follows links. Returns nil if the file does not exist.
    package init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    init(_ status: stat) {
        #if canImport(Glibc)
            let time = status.st_mtim
        #else
            let time = status.st_mtimespec
        #endif
        (sizeBytes, seconds, nanoseconds) = (Int(status.st_size), Int(time.tv_sec), Int(time.tv_nsec))
    }

    /// The stamp as text. It differs whenever the stamp differs.
    package var text: String { "\(sizeBytes) \(seconds).\(nanoseconds)" }
}
