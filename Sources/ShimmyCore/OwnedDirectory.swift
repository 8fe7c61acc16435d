#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A directory whose files are Shimmy's. A file that only a link leads to is not: it is somebody else's, wherever the link lies.
package struct OwnedDirectory: Sendable {
    package enum Failure: Error, Equatable {
        /// The file's real place is outside of the directory.
        case elsewhere(String)
        /// The system's number of the error.
        case system(Int32)
    }

    private let path: String

    /// - path: may itself be a link: what it leads to is the directory.
    package init(_ path: String) { self.path = path }

    /// Where a file or a link really lies: its folder after every link, then its own name. Nil where there is nothing.
    package static func place(of file: String) -> String? {
        var status = stat()
        guard lstat(file, &status) == 0 else { return nil }
        let (folder, name) = split(file)
        return real(folder).map { $0 == "/" ? "/\(name)" : "\($0)/\(name)" }
    }

    /// Where a file lies that is not in the directory; nil for one that is, and where there is none.
    package func strangePlace(of file: String) -> String? {
        guard let place = Self.place(of: file) else { return nil }
        return owns(place) ? nil : place
    }

    /// Removes a file, or a link without what it leads to. Nothing happens where there is none.
    ///
    /// Every folder on the way is opened by itself and not as a link, so that a folder which another process replaces by a link in the meantime is
    /// not followed. Throws `Failure`.
    package func remove(_ file: String) throws(Failure) {
        guard let place = Self.place(of: file) else { return }
        guard owns(place), let root = Self.real(path) else { throw .elsewhere(place) }
        // By bytes: a name may begin with a mark that would make one character with the slash before it.
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
