import ShimmyCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Paths of Unix sockets.
enum UnixSocket {
    /// The max bytes of a path on all systems.
    static let longestPath = 103

    /// Returns whether a program listens on the socket. A socket file stays on the disk when its program is killed.
    static func isInUse(_ path: String) -> Bool {
        guard path.utf8.count <= longestPath else { return false }
        let descriptor = socket(AF_UNIX, SocketKind.stream, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 }
        }
    }
}
