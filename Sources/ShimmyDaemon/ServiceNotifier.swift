#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reports the state of this process to the service manager that started it, with systemd's protocol: each report is a datagram to the Unix socket
/// that the environment names. See sd_notify(3).
package struct ServiceNotifier: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        /// The service accepts requests.
        case ready
        /// The service is shutting down.
        case stopping
        /// The service is not stuck. The manager restarts a service that does not send this within its watchdog time.
        case alive
        /// A line for `systemctl status`.
        case status(String)

        /// The text of the datagram.
        package var message: String {
            switch self {
            case .ready: "READY=1"
            case .stopping: "STOPPING=1"
            case .alive: "WATCHDOG=1"
            // A line break would begin another assignment.
            case .status(let text): "STATUS=" + text.map { $0.isNewline ? " " : String($0) }.joined()
            }
        }
    }

    /// The bytes of the socket's address. The first byte of an abstract address is 0.
    private let address: [UInt8]
    /// The time within which the manager expects the next `State.alive`; nil if it does not watch this process.
    package let watchdogTime: Duration?

    /// Returns nil if no service manager wants reports, or if its socket is not a Unix socket.
    /// - process: the ID of this process. The watchdog variables can be meant for another one, which had the environment before.
    package init?(environment: [String: String], process: Int32) {
        var bytes = Array((environment["NOTIFY_SOCKET"] ?? "").utf8)
        guard bytes.count > 1 else { return nil }
        switch bytes[0] {
        case UInt8(ascii: "/"): break
        case UInt8(ascii: "@"): bytes[0] = 0
        default: return nil
        }
        // A path needs a zero byte at its end.
        guard bytes.count < Self.capacity else { return nil }
        address = bytes
        let owner = environment["WATCHDOG_PID"].map { Int32($0) } ?? process
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        watchdogTime = owner == process && microseconds > 0 ? .microseconds(microseconds) : nil
    }

    private static var capacity: Int { MemoryLayout.size(ofValue: sockaddr_un().sun_path) }

    /// Sends a report. It never waits.
    /// - Returns: whether the manager has the report.
    @discardableResult
    package func send(_ state: State) -> Bool {
        #if canImport(Glibc)
            let kind = Int32(SOCK_DGRAM.rawValue)
        #else
            let kind = SOCK_DGRAM
        #endif
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0, fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { return false }
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: address) }
        // The length tells an abstract address, in which zero bytes count, from a path.
        let length = MemoryLayout<sockaddr_un>.size - Self.capacity + address.count + (address[0] == 0 ? 0 : 1)
        let message = Array(state.message.utf8)
        let sent = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { sendto(descriptor, message, message.count, 0, $0, socklen_t(length)) }
        }
        return sent == message.count
    }

    /// Sends `State.alive` at twice the rate that the manager expects, until the task is cancelled. Returns at once if the manager does not watch.
    package func keepAlive() async {
        guard let watchdogTime else { return }
        while !Task.isCancelled {
            send(.alive)
            try? await Task.sleep(for: watchdogTime / 2)
        }
    }
}
