#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads small files whose content other programs decide.
package enum RegularFile {
    /// Returns the whole content; nil where there is no regular file, where it cannot be read, and where it has more than `limit` bytes.
    ///
    /// A pipe or a device of that name is not opened for reading: waiting for its writer could take forever.
    package static func read(_ path: String, limit: Int) -> [UInt8]? {
        let descriptor = open(path)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size <= limit else { return nil }
        // The size of a file in /proc is 0, and a file may grow while it is read: what counts is where it ends.
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

    /// As `read`, for text. Nil also where it is not UTF-8.
    package static func text(_ path: String, limit: Int) -> String? {
        read(path, limit: limit).flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// Opens a regular file for reading; returns a descriptor, or -1 for everything else. Links are followed.
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

    /// Returns bytes read, 0 at the end, -1 for an error.
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
