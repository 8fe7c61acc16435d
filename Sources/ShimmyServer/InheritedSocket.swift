import NIOCore
import ShimmyCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A listening socket that the process was started with, because the service manager opened it.
package struct InheritedSocket: Sendable, Equatable {
    package enum Place: Sendable, Equatable {
        case port(host: String, Int)
        /// The path of a Unix socket; `@` and a name for one of Linux's abstract namespace.
        case socket(path: String)
    }

    package let descriptor: Int32
    package let place: Place

    /// Returns nil if the descriptor is not a listening stream socket for IP or a Unix socket.
    package init?(descriptor: Int32) {
        guard Self.option(SO_TYPE, of: descriptor) == SocketKind.stream, Self.option(SO_ACCEPTCONN, of: descriptor) == 1,
            let place = Self.place(descriptor)
        else { return nil }
        self.descriptor = descriptor
        self.place = place
    }

    private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }

    private static func place(_ descriptor: Int32) -> Place? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else { return nil }
        return withUnsafeBytes(of: storage) { bytes in
            switch Int32(storage.ss_family) {
            case AF_INET: port(SocketAddress(bytes.load(as: sockaddr_in.self)))
            case AF_INET6: port(SocketAddress(bytes.load(as: sockaddr_in6.self)))
            case AF_UNIX: .socket(path: path(bytes.prefix(Int(length))))
            default: nil
            }
        }
    }

    private static func port(_ address: SocketAddress) -> Place? {
        guard let host = address.ipAddress, let port = address.port else { return nil }
        return .port(host: host, port)
    }

    /// Returns the path in the address of a Unix socket.
    private static func path(_ address: Slice<UnsafeRawBufferPointer>) -> String {
        let bytes = address.dropFirst(MemoryLayout<sockaddr_un>.offset(of: \sockaddr_un.sun_path) ?? 2)
        // The name of an abstract socket begins with a zero byte; a path ends with one.
        if bytes.first == 0 { return "@" + String(decoding: bytes.dropFirst(), as: UTF8.self) }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// The IP address; nil for a Unix socket.
    var host: String? {
        guard case .port(let host, _) = place else { return nil }
        return host
    }
}
