#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The sockets that the service manager opened before it started this process, with systemd's protocol: the environment has their number, and their
/// descriptors begin at 3. See sd_listen_fds(3). launchd passes its sockets in another way, which is not supported.
package enum PassedSockets {
    private static let first: Int32 = 3
    private static let most: Int32 = 64

    /// Returns the descriptors. Programs that this process starts do not get them.
    /// - process: the ID of this process. The variables can be meant for another one, which had the environment before.
    package static func descriptors(environment: [String: String], process: Int32) -> [Int32] {
        guard environment["LISTEN_PID"].flatMap({ Int32($0) }) == process, let count = environment["LISTEN_FDS"].flatMap({ Int32($0) }),
            (1...most).contains(count)
        else { return [] }
        let descriptors = Array(first..<first + count)
        for descriptor in descriptors { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        return descriptors
    }
}
