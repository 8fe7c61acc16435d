#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum UnixTime {
    /// Seconds since 1970.
    static var now: Int { Int(Date().timeIntervalSince1970) }
}
