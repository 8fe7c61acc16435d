#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A file with random access that is never read past its end.
package final class ByteFile: Sendable {
    package let size: Int
    private let name: String
    private let descriptor: Int32

    /// Opens a regular file.
    /// - name: the file's name in error messages; nil for its path.
    package init(path: String, name: String? = nil) throws(FormatError) {
        let name = name ?? path
        self.name = name
        // With `O_NONBLOCK`, opening a pipe does not wait for its writer.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FormatError("\(name) cannot be opened: \(String(cString: strerror(errno)))") }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw FormatError("\(name) is not a regular file")
        }
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    package func read(_ range: Range<Int>) throws(FormatError) -> [UInt8] {
        guard range.lowerBound >= 0, range.upperBound <= size else { throw FormatError("\(name) is truncated at byte \(size)") }
        var bytes = [UInt8](repeating: 0, count: range.count)
        var have = 0
        while have < range.count {
            let got = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress! + have, range.count - have, off_t(range.lowerBound + have)) }
            guard got > 0 else { throw FormatError("\(name) cannot be read at byte \(range.lowerBound + have)") }
            have += got
        }
        return bytes
    }
}
