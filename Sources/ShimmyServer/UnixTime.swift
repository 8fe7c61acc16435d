#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum UnixTime {
    /// The current time in seconds since 1970.
    static var now: Int { Int(Date().timeIntervalSince1970) }
}
