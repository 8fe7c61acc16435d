#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What tells a file's content from what it was, as far as that can be told without reading it. Other names of the file do not matter.
package struct FileStamp: Sendable, Equatable {
    private let sizeBytes: Int
    private let seconds: Int
    private let nanoseconds: Int

    /// nil when there is no such file; links are followed.
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

    /// Another text for another content.
    package var text: String { "\(sizeBytes) \(seconds).\(nanoseconds)" }
}
