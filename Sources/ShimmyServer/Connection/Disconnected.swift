import NIOCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension IOError {
    /// The error of a connection or a stream that its client closed.
    static var disconnected: IOError { IOError(errnoCode: ECONNRESET, reason: "the client closed the connection") }
}
