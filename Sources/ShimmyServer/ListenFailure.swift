import NIOCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An address that the user asked for and that cannot be bound. It ends the start of the server.
package struct ListenFailure: Error, CustomStringConvertible {
    /// The address or the path of the socket.
    package let address: String
    /// The option that names another address.
    package let option: String
    package let reason: String
    /// Whether another program listens there.
    package let isInUse: Bool

    package var description: String { "cannot listen on \(address): \(reason); choose another \(option)" }

    /// Returns nil if the error is not about the address, for example because the server ends while it starts.
    init?(_ error: any Error, address: String, option: String) {
        switch error {
        case let error as IOError:
            reason = String(cString: strerror(error.errnoCode))
            isInUse = error.errnoCode == EADDRINUSE
        case is SocketAddressError.UnknownHost:
            reason = "the name is unknown"
            isInUse = false
        default: return nil
        }
        self.address = address
        self.option = option
    }

    init(path: String, reason: String) {
        address = path
        option = "--socket"
        self.reason = reason
        isInUse = false
    }
}
