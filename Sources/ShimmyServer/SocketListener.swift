import Hummingbird
import HummingbirdCore
import Logging
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The listener at a Unix socket, which only the user and the group of the server may use.
struct SocketListener: Sendable {
    private static let mode = mode_t(0o660)

    let path: String
    private let listener: PortListeners.Listener

    /// - onListening: called once, when the listener accepts connections.
    init(path: String, logger: Logger, maker: PortListeners.Maker, onListening: @escaping @Sendable () async -> Void) {
        self.path = path
        listener = maker(.unixDomainSocket(path: path)) { _ in
            if chmod(path, Self.mode) != 0 { logger.warning("permissions of the socket not set", metadata: ["path": "\(path)"]) }
            await onListening()
        }
    }

    /// Accepts connections until the server has shut down gracefully. The socket is removed when that begins, because another server can have bound
    /// the path at the end. Throws a `ListenFailure` if the socket cannot be bound.
    func run() async throws {
        do {
            try await withGracefulShutdownHandler {
                try await listener.run()
            } onGracefulShutdown: { [path] in
                unlink(path)
            }
        } catch {
            if isOtherFile { throw ListenFailure(path: path, reason: "the file is not a socket") }
            if let failure = ListenFailure(error, address: path, option: "--socket") { throw failure }
            throw error
        }
    }

    /// Whether the path is that of a file other than a socket.
    private var isOtherFile: Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFSOCK
    }
}
