#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a disk has room for.
package enum DiskSpace {
    /// Bytes that may still be written where a folder lies; nil where nobody says.
    package static func free(at folder: String) -> Int? {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        let (bytes, overflow) = Int(status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
        return overflow ? nil : bytes
    }
}
