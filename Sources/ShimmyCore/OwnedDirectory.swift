#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A directory of files that belong to Shimmy. A file that is only reachable through a link does not belong to Shimmy, wherever the link is.
package struct OwnedDirectory: Sendable {
    package enum Failure: Error, Equatable {
        /// The file's real path is outside of the directory.
        case elsewhere(String)
        /// The system's error number (`errno`).
        case system(Int32)
    }

    private let path: String

    /// - path: may be a link; the directory is then the link's target.
    package init(_ path: String) { self.path = path }

    /// Returns the real path of a file or a link: its folder with all links resolved, then its own name. Nil if it does not exist.
    package static func place(of file: String) -> String? {
        var status = stat()
        guard lstat(file, &status) == 0 else { return nil }
        let (folder, name) = split(file)
        return real(folder).map { $0 == "/" ? "/\(name)" : "\($0)/\(name)" }
    }

    /// Returns the real path of a file that is outside of the directory; nil if the file is inside or does not exist.
    package func strangePlace(of file: String) -> String? {
        guard let place = Self.place(of: file) else { return nil }
        return owns(place) ? nil : place
    }

    /// Removes a file, or a link but not its target. Does nothing if the file does not exist.
    ///
    /// Opens each folder on the path individually and never through a link. If another process replaces a folder with a link in the meantime, the
    /// link is not followed. Throws `Failure`.
    package func remove(_ file: String) throws(Failure) {
        guard let place = Self.place(of: file) else { return }
        guard owns(place), let root = Self.real(path) else { throw .elsewhere(place) }
        // Compares bytes, not characters: a name may start with a combining mark, which would form one character with the slash before it.
        let below = place.utf8.dropFirst(root == "/" ? 0 : root.utf8.count)
        var names = below.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
        guard let name = names.popLast() else { throw .elsewhere(place) }
        var folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        guard folder >= 0 else { throw .system(errno) }
        defer { close(folder) }
        for name in names {
            let next = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
            guard next >= 0 else { throw .system(errno) }
            close(folder)
            folder = next
        }
        guard unlinkat(folder, name, 0) == 0 || errno == ENOENT else { throw .system(errno) }
    }

    private func owns(_ place: String) -> Bool {
        guard let root = Self.real(path) else { return false }
        return root == "/" || place.utf8.starts(with: "\(root)/".utf8)
    }

    private static func split(_ file: String) -> (folder: String, name: String) {
        guard let slash = file.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", file) }
        let name = String(decoding: file.utf8[file.utf8.index(after: slash)...], as: UTF8.self)
        return (slash == file.startIndex ? "/" : String(decoding: file.utf8[..<slash], as: UTF8.self), name)
    }

    private static func real(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
