#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Kinds of sockets as the number that `socket` takes. Glibc's constants have a type of their own.
package enum SocketKind {
    #if canImport(Glibc)
        package static let stream = Int32(SOCK_STREAM.rawValue)
    #else
        package static let stream = SOCK_STREAM
    #endif
}
