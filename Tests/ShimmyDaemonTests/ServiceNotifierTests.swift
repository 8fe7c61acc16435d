import ShimmyDaemon
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The socket of a service manager.
private final class ManagerSocket {
    let path: String
    private let descriptor: Int32

    /// - isAbstract: whether the address is a name of Linux's abstract namespace, which is not a file.
    init(isAbstract: Bool) throws {
        let name = "shimmy-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        path = isAbstract ? "@\(name)" : "/tmp/\(name)"
        #if canImport(Glibc)
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        #else
            descriptor = socket(AF_UNIX, SOCK_DGRAM, 0)
        #endif
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        if isAbstract { bytes[0] = 0 } else { bytes.append(0) }
        let length = MemoryLayout<sockaddr_un>.size - MemoryLayout.size(ofValue: address.sun_path) + bytes.count
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = descriptor
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(length)) }
        }
        try #require(bound == 0)
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    /// Returns the next datagram; nil if there is none.
    func next() -> String? {
        var bytes = [UInt8](repeating: 0, count: 1000)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(validating: bytes.prefix(count), as: UTF8.self)
    }
}

@Suite struct ServiceNotifierTests {
    @Test(arguments: [false, true])
    func statesAreDatagrams(isAbstract: Bool) throws {
        #if !os(Linux)
            if isAbstract { return }
        #endif
        let socket = try ManagerSocket(isAbstract: isAbstract)
        let notifier = try #require(ServiceNotifier(environment: ["NOTIFY_SOCKET": socket.path], process: 1))
        #expect(notifier.send(.ready))
        #expect(notifier.send(.status("loading\nREADY=1")))
        #expect(notifier.send(.stopping))
        #expect(socket.next() == "READY=1")
        #expect(socket.next() == "STATUS=loading READY=1")
        #expect(socket.next() == "STOPPING=1")
        #expect(socket.next() == nil)
    }

    @Test(arguments: ["", "/", "name", "vsock:2:1234", "/" + String(repeating: "a", count: 108)])
    func otherAddressesAreIgnored(address: String) {
        #expect(ServiceNotifier(environment: ["NOTIFY_SOCKET": address], process: 1) == nil)
    }

    @Test func withoutAManagerThereIsNothingToNotify() {
        #expect(ServiceNotifier(environment: ["WATCHDOG_USEC": "1000"], process: 1) == nil)
    }

    @Test func aManagerThatIsGoneIsNoFailure() throws {
        let notifier = try #require(ServiceNotifier(environment: ["NOTIFY_SOCKET": "/tmp/shimmy-test-nobody-\(getpid())"], process: 1))
        #expect(!notifier.send(.ready))
    }

    @Test(arguments: [
        (["WATCHDOG_USEC": "3000000"], Duration.seconds(3)), (["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"], .seconds(3)),
        (["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"], nil), (["WATCHDOG_USEC": "0"], nil), (["WATCHDOG_USEC": "-1"], nil),
        (["WATCHDOG_USEC": "x"], nil), (["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "x"], nil), ([:], nil),
    ])
    func theWatchdogIsForOneProcess(variables: [String: String], time: Duration?) throws {
        let environment = variables.merging(["NOTIFY_SOCKET": "/run/notify"]) { old, _ in old }
        #expect(try #require(ServiceNotifier(environment: environment, process: 7)).watchdogTime == time)
    }

    @Test func aWatchedServiceReportsUntilItIsCancelled() async throws {
        let socket = try ManagerSocket(isAbstract: false)
        let environment = ["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "2000"]
        let notifier = try #require(ServiceNotifier(environment: environment, process: 1))
        let task = Task { await notifier.keepAlive() }
        var reports: [String] = []
        while reports.count < 3 {
            if let report = socket.next() { reports.append(report) } else { await Task.yield() }
        }
        task.cancel()
        await task.value
        #expect(reports == ["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"])
    }
}
