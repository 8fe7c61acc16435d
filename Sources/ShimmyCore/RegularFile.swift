#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Functions that read small files whose content other programs control.
package enum RegularFile {
    /// Returns the whole content of a file; nil if the path is not a regular file, if it cannot be read, or if it has more than `limit` bytes.
    ///
    /// Does not read from pipes and devices, because waiting for their writer could take forever.
    package static func read(_ path: String, limit: Int) -> [UInt8]? {
        let descriptor = open(path)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size <= limit else { return nil }
        // A file in /proc has the size 0, and a file may grow during the read, so the loop reads until the end of the file.
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: min(max(Int(status.st_size), 4096), 1 << 20))
        while true {
            let count = readSome(descriptor, &piece)
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else { return nil }
            bytes += piece[..<count]
        }
    }

    /// Returns the content of a file as text, like `read`. Nil also if the content is not UTF-8.
    package static func text(_ path: String, limit: Int) -> String? {
        read(path, limit: limit).flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// Opens a regular file for reading and follows links. Returns a descriptor, or -1 for everything else.
    package static func open(_ path: String) -> Int32 {
        #if canImport(Glibc)
            let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        #else
            let descriptor = Darwin.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        #endif
        guard descriptor >= 0 else { return -1 }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return -1
        }
        return descriptor
    }

    /// Returns the number of bytes read, 0 at the end of the file, or -1 for an error.
    private static func readSome(_ descriptor: Int32, _ piece: inout [UInt8]) -> Int {
        piece.withUnsafeMutableBytes { piece in
            while true {
                #if canImport(Glibc)
                    let count = Glibc.read(descriptor, piece.baseAddress, piece.count)
                #else
                    let count = Darwin.read(descriptor, piece.baseAddress, piece.count)
                #endif
                if count >= 0 || errno != EINTR { return count }
            }
        }
    }
}
