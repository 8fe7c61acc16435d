#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The free space of disks.
package enum DiskSpace {
    /// Returns the bytes available on the disk of a folder; nil if the system does not report them.
    package static func free(at folder: String) -> Int? {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        let (bytes, overflow) = Int(status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
        return overflow ? nil : bytes
    }
}
